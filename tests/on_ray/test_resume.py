"""Real runs whose driver is killed, interrupted, out of disk space or let down by its policy, and
that go on."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import ray

from hetsched import allocation, scheduling
from hetsched.cli.main import main
from hetsched.core.events import (
    CheckpointLost,
    Event,
    RunEnded,
    RunResumed,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialExploited,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State, state_of
from hetsched.domain.user_files import forget_files
from hetsched.testing import check_log
from real.cluster import ray_cluster
from real.tune.stopping import ONE_SIGNAL_S
from tests.on_ray.conftest import BOTH_IN_ALL, INTERVAL, STOP, descendants, raylet, small_scenario, trained, wait_until

POPULATION = 4

POLICIES = """
from hetsched import allocation, scheduling
from hetsched.domain.cluster import cpu_worker
from hetsched.core.decisions import Dispatch

@allocation.register("one-core")
class OneCore:
    "With one worker nothing depends on time."
    def workers(self, cluster, workload, times):
        return [cpu_worker(next(iter(cluster)), 0, 1)]

@allocation.register("core-per-node")
class CorePerNode:
    def workers(self, cluster, workload, times):
        return [cpu_worker(node, 0, 1) for node in cluster]

@scheduling.register("mine")
class Mine:
    def dispatch(self, state):
        {fault}
        pairs = zip(state.idle_workers, list(state.ready_trials))
        return [Dispatch(trial.id, worker.id, state.interval(trial)) for worker, trial in pairs]
"""


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands run: `scenario.toml`, and in `mine.py` policies of one's own. The scenario
    trains with a user's training if the test's parameter `foreign` says so."""
    foreign = "foreign" in request.fixturenames and request.getfixturevalue("foreign")
    small_scenario(place="both", population=POPULATION, foreign=foreign).save(tmp_path)
    (tmp_path / "mine.py").write_text(POLICIES.format(fault="pass"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def address() -> str:
    """The cluster that these tests share, which another process can join."""
    ray_cluster.connect(small_scenario().cluster)
    return str(ray.get_runtime_context().gcs_address)


class Command:
    """`hetsched` in a session of its own, as in a terminal."""

    def __init__(self, *arguments: str) -> None:
        terminal, errors = pty.openpty()
        command = [sys.executable, "-m", "hetsched", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
        os.close(errors)
        self._seen = b""
        self._reader = Thread(target=self._read, args=(terminal,))
        self._reader.start()

    def _read(self, terminal: int) -> None:
        with suppress(OSError):  # so ends a terminal that nobody writes to any more
            while more := os.read(terminal, 10_000):
                self._seen += more
        os.close(terminal)

    def ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM to the driver and to Ray's processes, as Slurm, systemd and `timeout` send it."""
        os.killpg(self.process.pid, signal.SIGTERM)

    def wait_for(self, log: Path, kind: type[Event], number: int = 1) -> None:
        """Wait until the log has so many events of that kind."""

        def there() -> bool:
            assert self.process.poll() is None, self._seen.decode()
            return len(events(log, kind)) >= number

        wait_until(there)

    def end(self, status: int = 0) -> tuple[str, str]:
        """Its stdout, and what its terminal has shown, when it has ended with that status."""
        output, _ = self.process.communicate(timeout=500)
        self._reader.join()
        shown = self._seen.decode()
        assert self.process.returncode == status, shown
        assert "Traceback" not in shown
        return output, shown


def events(log: Path, kind: type[Event] = Event) -> list[Any]:
    return [event for event in read_log(log) if isinstance(event, kind)] if log.exists() else []


def outcome(log: Path) -> Any:
    """What a run came to, apart from time."""
    exploits = [(e.trial, e.source, e.hyperparameters) for e in events(log, TrialExploited)]
    ended = [(e.trial, e.worker, e.iterations, e.score) for e in events(log, SegmentEnded)]
    return ended, exploits


def check_complete(log: Path) -> State:
    """Every trial trained its own iterations, no segment twice, and the log adds up."""
    assert trained(events(log)) == {f"e-{number}": STOP for number in range(POPULATION)}
    state = check_log(events(log))
    assert (state.ended, state.finished) == ("completed", True)
    assert len(list((log.parent / "checkpoints").iterdir())) == 1
    assert not list(log.parent.glob("*.reserve"))
    return state


def of_ray(process: int) -> bool:
    """Whether this is a node of Ray, its head, or an actor."""
    command = Path(f"/proc/{process}/cmdline").read_bytes()
    return any(word in command for word in (b"gcs_server", b"raylet/raylet", b"SegmentTrainable"))


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@contextmanager
def frozen_actor() -> Iterator[None]:
    """While this lasts, the segment that the worker on node a of the shared cluster trains does not
    end."""
    node = raylet("a")
    assert node is not None
    commands = {process: Path(f"/proc/{process}/cmdline").read_bytes() for process in descendants(node)}
    actors = [process for process, command in commands.items() if b"SegmentTrainable" in command]
    assert actors
    for actor in actors:
        os.kill(actor, signal.SIGSTOP)
    try:
        yield
    finally:
        for actor in actors:
            with suppress(ProcessLookupError):
                os.kill(actor, signal.SIGCONT)


def stopped_twice(driver: Command, log: Path, stop: Callable[[], None], status: int) -> str:
    """What the command shows that is stopped while a segment runs, and at once by a second signal."""
    driver.wait_for(log, SegmentEnded)
    driver.wait_for(log, SegmentStarted, 2)
    with frozen_actor():
        stop()
        driver.wait_for(log, WorkerDraining)
        time.sleep(2 * ONE_SIGNAL_S)
        stop()
        return driver.end(status)[1]


def kill_driver(driver: Command) -> None:
    """SIGKILL to the driver alone. Ray's nodes, and the actors that train, end by themselves."""
    started = {process for process in descendants(driver.process.pid) if of_ray(process)}
    assert len(started) >= 3
    driver.process.kill()
    driver.end(-signal.SIGKILL)
    wait_until(lambda: all(map(gone, started)))


def cut_at_last_exploit(log: Path) -> None:
    """What a crash may leave: half a line, of an exploit that followed a segment."""
    lines = log.read_bytes().splitlines(keepends=True)
    exploit = max(number for number, line in enumerate(lines) if b"trial-exploited" in line)
    log.write_bytes(b"".join(lines[:exploit]) + lines[exploit][:20])


@BOTH_IN_ALL
def test_a_run_whose_driver_is_killed_and_interrupted_once_and_twice_ends_as_if_it_had_not_been(
    foreign: bool, folder: Path, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """First on a cluster of the driver's own, which ends with it; then on one that it joins, by its nodes' labels."""
    new = ["run", "scenario.toml", "--strategy", "one-core+least-progress", "--policy-file", "mine.py", "--repeat", "2"]
    resume = ["run", "--resume", "cut off", "--policy-file", "mine.py"]
    advice = f"go on with: hetsched run --resume 'cut off' --policy-file {folder}/mine.py"
    first, second = (folder / "cut off" / f"seed-{seed}" / LOG_NAME for seed in (0, 1))
    assert main([*new, "--out", "whole"]) == 0

    driver = Command(*new, "--out", "cut off")
    driver.wait_for(first, TrialExploited)
    if foreign:
        (folder / "training" / "foreign_training.py").unlink()  # the results folder has a copy
    driver.process.send_signal(signal.SIGSTOP)
    capfd.readouterr()
    assert main(resume) == 2
    assert "another process is carrying this run out" in capfd.readouterr().err
    kill_driver(driver)
    cut_at_last_exploit(first)
    (first.parent / "checkpoints" / "e-0-1000.pt").touch()  # a file that the log does not know
    killed = events(first)

    driver = Command(*resume, "--address", address)
    driver.wait_for(first, SegmentEnded, sum(isinstance(event, SegmentEnded) for event in killed) + 1)
    driver.wait_for(first, SegmentStarted, sum(isinstance(event, SegmentStarted) for event in killed) + 2)
    with frozen_actor():
        driver.ctrl_c()
        driver.wait_for(first, WorkerDraining)
    output, shown = driver.end(130)
    assert output == ""
    assert "events.jsonl: the last line was cut off after 20 bytes; dropped" in shown
    assert "utilisation" in shown and "a/cpu0" in shown  # the live table
    assert "interrupted" in shown and advice in shown
    assert state_of(events(first)).ended == "interrupted"
    assert events(first)[: len(killed)] == killed
    assert not events(first, SegmentLost)
    last_start = max(event.time for event in events(first, SegmentStarted))
    assert all(event.time >= last_start for event in events(first, WorkerDraining))

    driver = Command(*resume, "--address", address)
    shown = stopped_twice(driver, second, driver.ctrl_c, 130)
    assert advice in shown
    check_complete(first)
    assert [event.reason for event in events(first, RunResumed)] == ["the driver died", "the run stopped: interrupted"]
    assert all(event.forgot is None for event in events(first, RunResumed))
    interrupted = events(second)

    capfd.readouterr()
    assert main([*resume, "--json"]) == 0
    output, errors = capfd.readouterr()
    assert "seed-0: complete already" in errors
    assert "memory" not in errors and "PBT" not in errors
    assert [run["iterations"] for run in json.loads(output)["runs"]] == [POPULATION * STOP] * 2
    check_complete(second)
    assert events(second)[: len(interrupted)] == interrupted
    [resumed], [lost] = events(second, RunResumed), events(second, SegmentLost)
    assert resumed.reason == lost.reason == "the driver died"
    assert resumed.time == lost.time == interrupted[-1].time
    assert [event.reason for event in events(second, WorkerLeft)] == ["the driver died"]
    assert len(events(second, WorkerJoined)) == 2
    for log in (first, second):
        assert outcome(log) == outcome(folder / "whole" / log.parent.name / LOG_NAME)

    summary = (folder / "cut off" / "summary.json").read_bytes()
    assert main([*resume, "--json"]) == 0
    output, errors = capfd.readouterr()
    assert "seed-1: complete already" in errors
    assert json.loads(output)["runs"][1]["state"] == state_of(events(second)).snapshot()
    assert (folder / "cut off" / "summary.json").read_bytes() == summary


def test_sigterm_stops_a_run_in_order(folder: Path) -> None:
    """On a cluster of the driver's own, whose nodes and actors end with it: Ray's handlers of
    SIGTERM ended the driver with a C++ stack, status 134 and "failed: SystemExit", and the segments
    that ran were lost."""
    new = ["run", "scenario.toml", "--strategy", "one-core+least-progress", "--policy-file", "mine.py", "--out", "out"]
    log, advice = folder / "out" / LOG_NAME, "go on with: hetsched run --resume out"
    driver = Command(*new)
    driver.wait_for(log, SegmentEnded)
    driver.wait_for(log, SegmentStarted, 2)
    started = {process for process in descendants(driver.process.pid) if of_ray(process)}
    driver.process.terminate()  # `timeout` sends two, to the process and to its group
    driver.terminate()
    output, shown = driver.end(143)
    assert output == "" and advice in shown and "terminated" in shown
    assert state_of(events(log)).ended == "terminated"
    assert not events(log, SegmentLost)
    assert len(events(log, SegmentEnded)) == len(events(log, SegmentStarted)) < POPULATION * STOP // INTERVAL
    wait_until(lambda: all(map(gone, started)))


@pytest.mark.exhaustive
def test_sigterm_twice_stops_a_run_at_once(folder: Path, address: str) -> None:
    new = ["run", "scenario.toml", "--strategy", "one-core+least-progress", "--policy-file", "mine.py", "--out", "out"]
    log = folder / "out" / LOG_NAME
    driver = Command(*new, "--address", address)
    shown = stopped_twice(driver, log, driver.terminate, 143)
    assert "terminated" in shown and "go on with: hetsched run --resume out" in shown

    Command("run", "--resume", "out", "--policy-file", "mine.py").end()
    check_complete(log)
    assert events(log, RunResumed)[0].reason == "the driver died"


@pytest.mark.exhaustive
def test_full_disk(folder: Path, small_disk: Path, address: str) -> None:
    out = small_disk / "out"
    policies = ["--policy-file", "mine.py"]
    new = ["run", "scenario.toml", "--strategy", "core-per-node+fifo", *policies, "--out", str(out)]
    _, shown = Command(*new, "--address", address).end(1)
    assert "No space left on device" in shown
    assert f"{out}/checkpoints/e-" in shown
    assert f"go on with: hetsched run --resume {out}" in shown
    log = out / LOG_NAME
    assert state_of(events(log)).ended.startswith("failed: ")  # type: ignore[union-attr]
    finished = outcome(log)[0]
    assert finished
    subprocess.run(["mount", "-o", "remount,size=1g", str(small_disk)], check=True)
    Command("run", "--resume", str(out), *policies).end()
    assert outcome(log)[0][: len(finished)] == finished
    state = state_of(events(log))
    assert state.ended == "completed"
    assert {trial.iterations for trial in state.trials.values()} == {STOP}
    again, state = 0, State()  # only what there was no room for is trained again, and the log says so
    for event in events(log):
        if isinstance(event, CheckpointLost):
            again += state.trials[event.trial].iterations - event.iterations
        state.apply(event)
    assert sum(event.iterations for event in events(log, SegmentEnded)) == POPULATION * STOP + again


def test_policy_that_raises(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = folder / "out" / LOG_NAME
    fault = "if len(state.first_segments) == 1: raise KeyError('plan')"
    (folder / "mine.py").write_text(POLICIES.format(fault=fault))
    new = ["run", "scenario.toml", "--strategy", "one-core+mine", "--policy-file", "mine.py", "--out", "out"]
    assert main(new) == 1
    errors = capfd.readouterr().err
    assert "policy 'mine' raised KeyError" in errors
    assert f"go on with: hetsched run --resume out --policy-file {folder}/mine.py" in errors
    found = json.loads((folder / "out" / "policy-error.json").read_text())
    assert (found["policy"], found["decision_point"]["idle_workers"]) == ("mine", ["a/cpu0"])
    assert "raise KeyError('plan')" in "".join(found["traceback"])
    before = [event for event in events(log) if not isinstance(event, RunEnded)]
    assert found["state"] == state_of(before).snapshot()

    del scheduling.policies._factories["mine"], allocation.policies._factories["one-core"]
    assert main(["run", "--resume", "out"]) == 1  # the copy in the folder has the fault
    errors = capfd.readouterr().err
    assert "policy 'mine' raised KeyError" in errors
    assert f"--policy-file {folder}/mine.py" in errors
    (folder / "mended").mkdir()
    (folder / "mended" / "mine.py").write_text(POLICIES.format(fault="pass"))
    forget_files()  # a new process knows none
    assert main(["run", "--resume", "out", "--policy-file", "mended/mine.py"]) == 0
    check_complete(log)
    assert [event.forgot for event in events(log, RunResumed)] == [None, None]
