"""Several nodes of a scenario on one Ray node, and several Ray nodes on one host."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

pytest.importorskip("ray")

from ray.exceptions import GetTimeoutError

from hetsched.domain.cluster import ClusterSpec, Node, NodeId, Worker, WorkerId, cpu_worker
from hetsched.domain.workload import TrialId
from real.cluster import machines
from real.cluster.host_cores import HostCores
from real.cluster.machines import Machines
from real.cluster.matching import RayNodeId
from real.cluster.nodes import Nodes
from real.cluster.ray_cluster import shared_cores
from real.training.trainer import Settings
from real.tune import tune_actors
from real.tune.actor import Plan

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
SHARED, OWN = RayNodeId("shared"), RayNodeId("own")


class Quiet:
    """Ray nodes that are all there and have not answered."""

    def present(self, kept: Mapping[NodeId, RayNodeId]) -> dict[NodeId, RayNodeId]:
        return dict(kept)

    def ask(self, ray_node: RayNodeId) -> None:
        pass

    def answered(self, ray_node: RayNodeId) -> bool:
        return False


def nodes() -> Nodes:
    cluster = ClusterSpec(tuple(Node(name, 1, address=f"10.0.0.{name == C}") for name in (A, B, C)))
    return Nodes(cluster, {A: SHARED, B: SHARED, C: OWN}, Quiet())


def test_nodes_on_one_ray_node_leave_together_for_the_reason_of_one() -> None:
    """It said "node b died" of a node whose Ray node was set aside for what happened on another
    one."""
    there = nodes()
    there.set_aside(A, "3 segments in a row failed there")
    assert there.there == {C: OWN}
    there.look(at_once=True)
    assert there.there == {C: OWN}
    assert there.absences == {
        A: "node a was set aside: 3 segments in a row failed there",
        B: "node b is on one Ray node with a; node a was set aside: 3 segments in a row failed there",
    }


def test_nodes_on_one_ray_node_are_in_doubt_together() -> None:
    there = nodes()
    there.doubt(B)
    there.look(at_once=True)
    assert there.there == {C: OWN}
    assert there.absences == {
        B: "node b does not answer",
        A: "node a is on one Ray node with b; node b does not answer",
    }


def test_workers_take_the_cores_of_a_host_in_turn_and_give_them_back() -> None:
    cores = HostCores()
    x, y, z = (WorkerId(name) for name in "xyz")
    assert [cores.take(x, "h", 2), cores.take(y, "h", 3), cores.take(z, "elsewhere", 2)] == [(0, 1), (2, 3, 4), (0, 1)]
    cores.release(x)
    assert cores.take(z, "h", 1) == (0,)
    assert cores.take(x, "h", 1) == (1,)
    assert cores.take(y, "h", 1) == (2,)  # a worker that is there again takes what it had, or what is free


def test_a_worker_gets_the_free_cores_wherever_they_are() -> None:
    """It got adjacent ones beyond the host's eighth core, which `pin` mapped to cores of C. Cores 2
    and 3 were idle."""
    cores = HostCores()
    a, b, c = (WorkerId(name) for name in "abc")
    assert [cores.take(b, "h", 4), cores.take(a, "h", 2)] == [(0, 1, 2, 3), (4, 5)]
    cores.release(b)
    assert [cores.take(c, "h", 2), cores.take(b, "h", 4)] == [(0, 1), (2, 3, 6, 7)]


def test_pods_of_one_machine_share_its_cores_whatever_their_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each had the machine's first cores, because a machine was an address."""
    answers = {"pod-a": "boot-1", "pod-b": "boot-1", "far": "boot-2", "late": "boot-1", "no-linux": None}
    tasks: list[RayNodeId] = []

    def ask(ray_node: RayNodeId) -> RayNodeId:
        tasks.append(ray_node)
        return ray_node

    def get(node: str, timeout: float) -> str | None:
        if node not in answers:
            raise GetTimeoutError
        return answers[node]

    monkeypatch.setattr(machines, "_ask", ask)
    monkeypatch.setattr(machines, "ray", SimpleNamespace(get=get))
    asked = Machines("address of {}".format, {NodeId(name): RayNodeId(name) for name in ("pod-a", "pod-b", "far")})
    assert len(tasks) == 3
    found = [asked.of(RayNodeId(name)) for name in ("pod-a", "pod-b", "far", "late", "no-linux", "hangs", "hangs")]
    assert found == ["boot-1", "boot-1", "boot-2", "boot-1", "address of no-linux", *["address of hangs"] * 2]
    assert len(tasks) == 6
    cores = HostCores()
    assert [cores.take(WorkerId(pod), asked.of(RayNodeId(pod)), 2) for pod in ("pod-a", "pod-b")] == [(0, 1), (2, 3)]


@pytest.mark.parametrize("silent_first", [False, True])
def test_a_node_that_names_no_machine_shares_the_cores_of_its_address(
    monkeypatch: pytest.MonkeyPatch, silent_first: bool
) -> None:
    answers = {"silent": None, "speaks": "boot-1"}
    monkeypatch.setattr(machines, "_ask", lambda ray_node: ray_node)
    monkeypatch.setattr(machines, "ray", SimpleNamespace(get=lambda node, timeout: answers[node]))
    asked = Machines(lambda ray_node: "10.0.0.1", {})
    order = ("silent", "speaks") if silent_first else ("speaks", "silent")
    assert len({asked.of(RayNodeId(name)) for name in order}) == 1


def test_containers_with_cores_of_their_own_do_not_share_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that names no kernel has no name."""
    monkeypatch.setattr(machines, "BOOT_ID", tmp_path / "boot_id")
    assert machines.own_cores() is None
    (tmp_path / "boot_id").write_text("f-1\n")
    names = []
    for mask in ({0, 1}, {2, 3}, {1, 0}):
        monkeypatch.setattr("os.sched_getaffinity", lambda process, mask=mask: mask, raising=False)
        names.append(machines.own_cores())
    assert names == ["f-1 [0, 1]", "f-1 [2, 3]", "f-1 [0, 1]"]


SIZES = {WorkerId(name): size for name, size in {"a": 1, "b": 1, "c": 2, "d": 3, "e": 4}.items()}


@given(st.lists(st.tuples(st.sampled_from([*SIZES]), st.booleans())), st.integers(4, 11))
def test_workers_that_fit_their_host_have_cores_of_their_own(moves: list[tuple[WorkerId, bool]], size: int) -> None:
    """Workers come and go. Nobody comes who does not fit."""
    cores, there = HostCores(), dict[WorkerId, tuple[int, ...]]()
    for worker, comes in moves:
        if not comes:
            cores.release(worker)
            there.pop(worker, None)
        elif sum(SIZES[other] for other in {worker, *there}) <= size:
            there[worker] = cores.take(worker, "h", SIZES[worker])
            assert len(there[worker]) == SIZES[worker]
        used = [core for held in there.values() for core in held]
        assert len(used) == len(set(used))
        assert all(0 <= core < size for core in used)


class Trial:
    """Tune's, with the configuration that its actor gets."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}

    def set_config(self, config: dict[str, Any]) -> None:
        self.config = config


class Warm:
    """Of Tune, what starts and keeps actors."""

    def start(self, trial: Any, placement: Any) -> None:
        pass

    def keep_warm(self, placement: Any) -> None:
        pass

    def dismiss(self, placement: Any) -> None:
        pass


def test_workers_of_nodes_that_are_told_by_label_share_the_cores_of_their_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such nodes have no address; their workers were all pinned to the first cores."""
    monkeypatch.setattr(tune_actors, "OrderInternals", lambda controller: Warm())
    workers = [cpu_worker(Node(name, 2), 0, 2) for name in (A, B, C)]
    settings = Settings("resnet18", "synthetic", 8)
    plans = {worker.id: Plan(worker, settings, None, "storage") for worker in workers}
    hosts = {RayNodeId("ra"): "10.0.0.2", RayNodeId("rb"): "10.0.0.2", RayNodeId("rc"): "10.0.0.3"}
    actors = tune_actors.TuneActors(plans, hosts.__getitem__)
    actors.attach(None)
    trial: Any = Trial()
    actors.add(TrialId("e-0"), trial)

    def cores(worker: Worker) -> tuple[int, ...]:
        actors.start(TrialId("e-0"), worker.id)
        plan: Plan = pickle.loads(trial.config["plan"])
        return plan.cores

    for worker, ray_node in zip(workers, hosts, strict=True):
        actors.open(worker.id, ray_node)
    assert [cores(worker) for worker in workers] == [(0, 1), (2, 3), (0, 1)]
    actors.close(workers[0].id)
    actors.open(workers[0].id, RayNodeId("rc"))
    assert cores(workers[0]) == (2, 3)


def test_a_plan_is_pickled_once_however_many_trials_it_goes_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray pickled it for every trial that came to a worker, which took the driver 2 ms."""
    monkeypatch.setattr(tune_actors, "OrderInternals", lambda controller: Warm())
    worker = cpu_worker(Node(A, 2), 0, 2)
    plan = Plan(worker, Settings("resnet18", "synthetic", 8), None, "storage")
    actors = tune_actors.TuneActors({worker.id: plan}, lambda ray_node: "10.0.0.2")
    actors.attach(None)
    actors.open(worker.id, OWN)
    sent = []
    for name in ("e-0", "e-1"):
        trial: Any = Trial()
        actors.add(TrialId(name), trial)
        actors.start(TrialId(name), worker.id)
        sent.append(trial.config["plan"])
    assert isinstance(sent[0], bytes)
    assert sent[0] is sent[1]
    assert pickle.loads(sent[0]) == replace(plan, cores=(0, 1))


def test_nodes_that_have_more_cores_than_the_machine_are_told_of() -> None:
    """Their workers shared cores without a word, and steps took a multiple of what the profile
    says."""
    large = Node(A, 4)
    assert shared_cores(ClusterSpec((large,)), 4) is None
    assert shared_cores(ClusterSpec((Node(A, 4, pace=1.0), Node(B, 4, pace=2.0))), 2) is None
    told = shared_cores(ClusterSpec((large, Node(B, 4, pace=2.0))), 6)
    assert told is not None
    assert told.startswith("cluster.nodes: the nodes need 8 cores, and this machine offers 6: workers may share cores")
    assert "those of a then train slower" in told
    two_gpus = Node(A, 1, gpus=2, gpu_type="v100")
    assert shared_cores(ClusterSpec((two_gpus,)), 2) is None
    assert shared_cores(ClusterSpec((two_gpus, Node(B, 1))), 2) is not None
