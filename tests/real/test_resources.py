"""What is used of a machine, and samples of many machines: without Ray, without a GPU."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, current_thread
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("psutil")

import psutil

from hetsched.core.events import GpuUse
from hetsched.cores import available_cores
from hetsched.domain.cluster import NodeId
from real.cluster.matching import RayNodeId
from real.resources import node_meter
from real.resources.container import CpuShare, Limited, limited
from real.resources.gpus import Gpus
from real.resources.node_meter import NodeMeter, NodeUse
from real.resources.sampling import MOST_FAILURES, Answer, OwnMeters, Sampling

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
HERE, THERE, OTHER, AGAIN = (RayNodeId(name) for name in ("here", "there", "other", "again"))
USE = NodeUse(0.5, 2**30, 2**33)
WAIT_S = 20.0


# Containers.


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """Control groups: a pod with limits, a container in it without."""
    own = tmp_path / "own"
    own.write_text("4:memory:/elsewhere\n0::/pod/container\n")
    pod = tmp_path / "groups" / "pod"
    (pod / "container").mkdir(parents=True)
    write(pod / "container", {"cpu.max": "max 100000", "memory.max": "max"})
    write(pod, {"cpu.max": "150000 100000", "memory.max": "1000000", "memory.current": "700000"})
    write(pod, {"cpu.stat": "usage_usec 3000000\nuser_usec 1000000", "memory.stat": "anon 5\ninactive_file 200000"})
    return tmp_path


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


def test_limits_of_groups_around_a_container_are_its_own(groups: Path) -> None:
    found = limited(groups / "own", groups / "groups")
    assert (found.cores, found.memory_total_bytes) == (1.5, 1_000_000)
    assert (found.cpu_s(), found.memory_bytes()) == (3.0, 500_000), "files that can be dropped are not in use"


def test_the_nearest_limit_counts(groups: Path) -> None:
    write(groups / "groups" / "pod" / "container", {"cpu.max": "50000 100000"})
    found = limited(groups / "own", groups / "groups")
    assert (found.cores, found.memory_total_bytes) == (0.5, 1_000_000)


@pytest.mark.parametrize("own", ["4:memory:/pod\n", "0::/\n", None])
def test_where_nothing_limits_there_are_no_limits(own: str | None, tmp_path: Path) -> None:
    if own is not None:
        (tmp_path / "own").write_text(own)
    assert limited(tmp_path / "own", tmp_path / "groups") == Limited(None, None, None, None)


def test_the_share_of_a_containers_cores_is_a_mean_since_the_call_before(groups: Path) -> None:
    now, stat = 10.0, groups / "groups" / "pod"
    share = CpuShare(limited(groups / "own", groups / "groups"), lambda: now)
    write(stat, {"cpu.stat": "usage_usec 6000000"})
    now = 14.0
    assert share() == 3.0 / (1.5 * 4.0)
    now = 16.0
    assert share() == 0.0


# GPUs, with a fake of NVML.


class NVMLError(Exception):
    """As NVML has it."""


def fake_nvml(uses: Mapping[int, tuple[str, int, int, int] | None], *, driver: bool = True) -> Any:
    """NVML with GPUs of these names, percents, and bytes in use and in all; None: it does not
    say."""

    def of(number: int) -> tuple[str, int, int, int]:
        if (use := uses[number]) is None:
            raise NVMLError("Not Supported")
        return use

    def init() -> None:
        if not driver:
            raise NVMLError("Driver Not Loaded")

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=init,
        nvmlDeviceGetCount=lambda: len(uses),
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetUtilizationRates=lambda number: SimpleNamespace(gpu=of(number)[1], memory=7),
        nvmlDeviceGetMemoryInfo=lambda number: SimpleNamespace(used=of(number)[2], total=of(number)[3]),
        nvmlDeviceGetName=lambda number: of(number)[0],
    )


def test_gpus_are_sampled_but_for_those_that_do_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    uses = {0: ("NVIDIA H100", 87, 10, 80), 1: None, 2: ("NVIDIA L4", 0, 0, 24)}
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(uses))
    assert Gpus().use() == (GpuUse("0: NVIDIA H100", 0.87, 10, 80), GpuUse("2: NVIDIA L4", 0.0, 0, 24))


@pytest.mark.parametrize("nvml", [None, fake_nvml({0: ("NVIDIA H100", 1, 1, 1)}, driver=False)])
def test_without_nvml_or_its_driver_there_are_no_gpus(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)  # None: it is not installed
    assert Gpus().use() == ()


# A machine.


def test_a_machine_without_limits_is_measured_by_its_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_meter, "limited", lambda: Limited(None, None, None, None))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    meter = NodeMeter()
    assert meter.use() is None, "it has only begun to count"
    own, percents = available_cores()[-1], [0.0] * psutil.cpu_count()
    percents[own] = 80.0
    monkeypatch.setattr(psutil, "cpu_percent", lambda percpu: percents)
    use = meter.use()
    assert use is not None
    assert use.cpu == pytest.approx(0.8 / len(available_cores()), abs=1e-4)
    assert 0 < use.memory_bytes < use.memory_total_bytes == psutil.virtual_memory().total
    assert use.gpus == ()


def test_in_a_container_its_own_cores_and_memory_are_measured(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(groups / "groups" / "pod", {"cpu.max": "50000 100000"})
    monkeypatch.setattr(node_meter, "limited", lambda: limited(groups / "own", groups / "groups"))
    meter = NodeMeter()
    meter.use()
    write(groups / "groups" / "pod", {"cpu.stat": "usage_usec 60000000"})
    use = meter.use()
    assert use is not None
    assert use[:3] == (1.0, 500_000, 1_000_000), "no share is above 1"


# Many machines.


class FakeMeters:
    """Machines that answer, are silent or fail, as `answers` says; None: silent."""

    def __init__(self, **answers: Answer | str) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.dropped: list[str] = []
        self.waiting: list[Callable[[Answer], None]] = []

    def ask(self, ray_node: RayNodeId, tell: Callable[[Answer], None]) -> None:
        self.asked.append(ray_node)
        answer = self.answers[ray_node]
        if isinstance(answer, str):
            self.waiting.append(tell)
        else:
            tell(answer)

    def drop(self, ray_node: RayNodeId) -> None:
        self.dropped.append(ray_node)


def sampling(meters: FakeMeters, there: dict[NodeId, RayNodeId], shared: tuple[RayNodeId, ...] = ()) -> Sampling:
    return Sampling(meters, lambda: there, lambda node: "10.0.0.1" if node in shared else node, every_s=10.0)


def test_nodes_at_one_address_are_one_machine_that_is_asked_once() -> None:
    meters = FakeMeters(here=USE, other=USE._replace(cpu=0.25))
    samples = sampling(meters, {A: HERE, B: THERE, C: OTHER}, shared=(HERE, THERE))
    samples.ask_all()
    assert meters.asked == [HERE, OTHER]
    assert samples.take() == [(A, USE), (B, USE), (C, USE._replace(cpu=0.25))]
    assert samples.take() == []


def test_a_machine_that_is_silent_is_waited_for_and_holds_up_no_other() -> None:
    meters = FakeMeters(here="silent", other=USE)
    samples = sampling(meters, {A: HERE, C: OTHER})
    for _ in range(3):
        samples.ask_all()
    assert meters.asked == [HERE, OTHER, OTHER, OTHER]
    assert samples.take() == [(C, USE)] * 3
    meters.waiting[0](USE)
    samples.ask_all()
    assert meters.asked[-2:] == [HERE, OTHER] and samples.take() == [(A, USE), (C, USE)]


def test_a_node_that_is_gone_has_no_sample_and_one_that_is_back_is_asked_anew() -> None:
    there = {A: HERE, C: OTHER}
    meters = FakeMeters(here="silent", other=USE, again=USE)
    samples = sampling(meters, there)
    samples.ask_all()
    del there[A]
    meters.waiting[0](USE)  # it is on its way
    samples.ask_all()
    assert samples.take() == [(C, USE)] * 2 and meters.dropped == [HERE]
    there[A] = AGAIN
    samples.ask_all()
    assert samples.take() == [(C, USE), (A, USE)] and meters.asked[-1] == AGAIN


def test_another_node_of_the_machine_is_asked_when_the_first_is_gone() -> None:
    there = {A: HERE, B: THERE}
    meters = FakeMeters(here="silent", there=USE)
    samples = sampling(meters, there, shared=(HERE, THERE))
    samples.ask_all()
    del there[A]
    samples.ask_all()
    assert meters.asked == [HERE, THERE] and meters.dropped == [HERE] and samples.take() == [(B, USE)]


def test_a_machine_that_cannot_answer_is_named_once_and_asked_no_more(caplog: pytest.LogCaptureFixture) -> None:
    meters = FakeMeters(here=ModuleNotFoundError("No module named 'psutil'"), other=USE)
    samples = sampling(meters, {A: HERE, B: THERE, C: OTHER}, shared=(HERE, THERE))
    for _ in range(MOST_FAILURES + 2):
        samples.ask_all()
    assert meters.asked.count(HERE) == MOST_FAILURES and meters.asked.count(OTHER) == MOST_FAILURES + 2
    assert caplog.messages == ["what is used of a, b is not sampled any more: No module named 'psutil'"]


def test_a_meter_that_hangs_holds_up_neither_the_run_nor_its_end() -> None:
    begun, released = Event(), Event()

    class Hanging(FakeMeters):
        def ask(self, ray_node: RayNodeId, tell: Callable[[Answer], None]) -> None:
            begun.set()
            assert released.wait(WAIT_S)

    samples = sampling(Hanging(), {A: HERE})
    with samples:
        assert begun.wait(WAIT_S)
        assert samples.take() == []
    released.set()


def test_this_machine_is_sampled_in_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def use(self: NodeMeter) -> NodeUse:
        threads.append(current_thread().name)
        return USE

    monkeypatch.setattr(NodeMeter, "use", use)
    taken: list[tuple[NodeId, NodeUse]] = []
    until = time.monotonic() + WAIT_S
    with Sampling(OwnMeters(), lambda: {A: HERE}, str, every_s=0.01) as samples:
        while len(taken) < 3 and time.monotonic() < until:
            taken += samples.take()
    assert taken[:3] == [(A, USE)] * 3 and set(threads) == {"sampling"}


def test_ray_that_is_out_of_reach_ends_the_samples_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    asked = Event()

    def unreachable(ray_node: RayNodeId) -> str:
        asked.set()
        raise ConnectionError("no head")

    until = time.monotonic() + WAIT_S
    with Sampling(FakeMeters(), lambda: {A: HERE}, unreachable, every_s=0.01):
        assert asked.wait(WAIT_S)
        while not caplog.messages and time.monotonic() < until:
            time.sleep(0.01)
    assert caplog.messages == ["what nodes use is not sampled any more: ConnectionError: no head"]
