"""Real runs whose driver is killed, interrupted, out of disk space or let down by its policy, and that go on."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hetsched import scheduling
from hetsched.cli.main import parser
from hetsched.cli.run import begun_run
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    CheckpointLost,
    Event,
    RunEnded,
    RunResumed,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialCompleted,
    TrialExploited,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import LOG_NAME, LogWriter, read_log
from hetsched.core.state import State, replay
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.resume import remember, take_log, take_up, workers_of
from hetsched.studies.run_plan import RunPlan
from tests.conftest import Simulate, make_scenario, profile_row

POPULATION, STOP = 4, 9
SCENARIO = f"""
name = "small"
strategies = ["fusion+fifo"]
[profile]
sources = ["profile.csv"]
[[cluster.nodes]]
name = "a"
cores = 1
pace = true
[[workload.experiments]]
name = "e"
dataset = "synthetic"
batch_size = 8
population = {POPULATION}
stop_iterations = {STOP}
evaluation_images = 40
train_images = 80
pbt = {{ perturbation_interval = 3, quantile_fraction = 0.5 }}
"""
SECOND_NODE = """
[[cluster.nodes]]
name = "b"
cores = 1
pace = true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_profile(tmp_path / "profile.csv", [profile_row(seconds=0.1, dataset="synthetic", batch_size=8)])
    (tmp_path / "one.toml").write_text(SCENARIO)
    (tmp_path / "two.toml").write_text(SCENARIO.replace("[[workload", SECOND_NODE + "[[workload"))
    return tmp_path


class Command:
    """`hetsched` in a process group of its own, as a shell starts it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "hetsched.cli", *arguments]
        self._process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
        )

    def ctrl_c(self) -> None:
        os.killpg(self._process.pid, signal.SIGINT)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """SIGKILL to the driver alone. Ray's nodes, and the actors that train, end by themselves."""
        started = {process for process in descendants(self._process.pid) if trains(process)}
        assert len(started) >= 3
        self._process.kill()
        self._process.wait()
        end = time.monotonic() + 60
        while not all(map(gone, started)):
            assert time.monotonic() < end, "Ray outlives its driver"
            time.sleep(0.1)

    def when(self, condition: Callable[[], bool], seconds: float = 200.0) -> None:
        """Wait until the condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            assert self._process.poll() is None, self._process.communicate()
            time.sleep(0.02)

    def end(self, status: int = 0) -> tuple[str, str]:
        """Its stdout and stderr, when it has ended with that status."""
        output, errors = self._process.communicate(timeout=500)
        assert self._process.returncode == status, errors
        assert "Traceback" not in errors
        return output, errors


def events(log: Path, kind: type[Event] = Event) -> list[Any]:
    return [event for event in read_log(log) if isinstance(event, kind)] if log.exists() else []


def ends(log: Path, number: int) -> Callable[[], bool]:
    """Whether so many segments have ended, and another runs."""
    return lambda: (
        len(events(log, SegmentEnded)) >= number
        and len(events(log, SegmentStarted)) > len(events(log, SegmentEnded)) + len(events(log, SegmentLost))
    )


def outcome(log: Path) -> Any:
    """What a run came to, apart from time."""
    exploits = [(e.trial, e.source, e.hyperparameters) for e in events(log, TrialExploited)]
    ended = [(e.trial, e.worker, e.iterations, e.score) for e in events(log, SegmentEnded)]
    return ended, exploits


def check_complete(log: Path) -> State:
    """Every trial trained its own iterations, no segment twice, and the log adds up."""
    done: Counter[str] = Counter()
    for event in events(log, SegmentEnded):
        done[event.trial] += event.iterations
    assert done == {f"e-{number}": STOP for number in range(POPULATION)}
    times = [event.time for event in events(log)]
    assert times == sorted(times)
    state = replay(events(log))
    assert (state.ended, state.finished) == ("completed", True)
    assert len(list((log.parent / "checkpoints").iterdir())) == 1
    assert not list(log.parent.glob("*.reserve"))
    return state


def descendants(process: int) -> set[int]:
    """The processes that it started, and that those started."""
    children = Path(f"/proc/{process}/task/{process}/children")
    found = {int(child) for child in children.read_text().split()} if children.exists() else set()
    return found.union(*map(descendants, found))


def trains(process: int) -> bool:
    """Whether this is a node of Ray, its head, or an actor."""
    command = Path(f"/proc/{process}/cmdline").read_bytes()
    return any(word in command for word in (b"gcs_server", b"raylet/raylet", b"SegmentTrainable"))


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("name", scheduling.policies.names())
@pytest.mark.parametrize("pbt", [{"perturbation_interval": 10}, {"enabled": False}])
def test_policies_remember(name: str, pbt: dict[str, Any], simulate_log: Simulate) -> None:
    """Every policy, asked again wherever it was asked, decides the same, wherever the log ends."""
    nodes = [{"name": "a", "cores": 1}, {"name": "b", "cores": 2}, {"name": "c", "cores": 4}]
    scenario = make_scenario(nodes, population=7, stop_iterations=40, pbt=pbt)
    strategy = parse_strategy(f"fusion+{name}")
    try:
        log: list[Any] = simulate_log(scenario, strategy, 3)
    except InputError as error:
        pytest.skip(str(error))
    for cut in (len(log), *range(len(log) // 2, len(log), 7)):
        remembered = remember(scenario, strategy, 3, log[:cut])
        assert remembered.forgot is None
        assert remembered.decisions > 0
        # And once more when the run has gone on from there, with the policy that remembers.
        policy, added = remembered.policy, log[:cut]
        resumed = Dispatcher(State(), policy, name, scenario.times, listen=lambda _, event, to=added: to.append(event))
        resumed.remember(log[:cut])
        del added[cut:]
        take_up(resumed, workers_of(log), None)
        resumed.dispatch(resumed.state.now)
        assert len(added) > cut
        assert remember(scenario, strategy, 3, added).forgot is None


def test_trial_at_its_stop_rule_is_completed_whatever_the_log_lacks(simulate_log: Simulate) -> None:
    """The log ends between the last segment of a trial and the event that says that it is complete."""
    scenario = make_scenario()
    log = simulate_log(scenario)
    cut = next(number for number, event in enumerate(log) if isinstance(event, TrialCompleted))
    dispatcher = Dispatcher(State(), scenario.scheduling_policy(parse_strategy("fusion+fifo")), "fifo", scenario.times)
    dispatcher.remember(log[:cut])
    running = len(dispatcher.state.running)
    take_up(dispatcher, workers_of(log), None)  # type: ignore[arg-type]
    state = dispatcher.state
    assert [trial.id for trial in state.trials.values() if trial.completed is not None] == [log[cut].trial]  # type: ignore[attr-defined]
    assert running and not state.running
    assert state.idle.keys() == {worker.id for worker in workers_of(log)}
    assert not state.in_memory
    assert state.now == log[cut - 1].time


def test_changed_policy_starts_anew(simulate_log: Simulate, caplog: pytest.LogCaptureFixture) -> None:
    scenario = make_scenario(population=7, stop_iterations=40)
    log: list[Any] = simulate_log(scenario, "fusion+fifo")
    remembered = remember(scenario, parse_strategy("fusion+least-progress"), 0, log)
    assert remembered.forgot is not None
    first = next(number for number, event in enumerate(log, start=1) if isinstance(event, SegmentEnded))
    assert f"line {first + 1} of the log: policy 'least-progress' decided" in remembered.forgot
    assert remembered.forgot in caplog.text
    # From a resume that says so, nothing is asked about what was before it.
    resumed = RunResumed(log[-1].time, "the driver died", remembered.forgot)
    assert remember(scenario, parse_strategy("fusion+least-progress"), 0, [*log[:-1], resumed]).forgot is None


@pytest.mark.parametrize("cut", [1, 20])
def test_cut_off_line_is_dropped(cut: int, simulate_log: Simulate, tmp_path: Path) -> None:
    whole = simulate_log(make_scenario())
    log = tmp_path / "run-1" / LOG_NAME
    content = log.read_bytes()
    log.write_bytes(content[:-cut])
    assert take_log(log) == whole[:-1]
    assert content.startswith(log.read_bytes())
    assert log.read_bytes().endswith(b"\n")


def test_altered_log_is_refused(simulate_log: Simulate, tmp_path: Path) -> None:
    simulate_log(make_scenario())
    log = tmp_path / "run-1" / LOG_NAME
    log.write_bytes(log.read_bytes() + b'{"event":"segment-lost","time":1.0,"trial":"x","worker":"y","reason":"z"}\n')
    with pytest.raises(InputError, match=r"events.jsonl: its events do not follow from each other \(KeyError: 'x'\)"):
        take_log(log)


def test_log_of_a_run_that_had_not_begun_is_started_over(simulate_log: Simulate, tmp_path: Path) -> None:
    simulate_log(make_scenario())
    log = tmp_path / "run-1" / LOG_NAME
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:5]))
    assert take_log(log) == []
    assert log.read_bytes() == b""


def test_full_log_keeps_whole_lines(tmp_path: Path) -> None:
    """The file may not grow beyond a limit: no event is written in part, and the error names the file."""
    log = tmp_path / LOG_NAME
    event = RunEnded(1.0, "x" * 200)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LogWriter(log) as writer:
        writer.write(event)
        writer.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 100, limit[1]))
        writer.write(event)
        with pytest.raises(OSError, match="File too large") as caught:
            writer.commit()
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        writer.drop()
    assert caught.value.filename == str(log)
    assert list(read_log(log)) == [event]
    assert list(tmp_path.iterdir()) == [log]


def test_log_ends_before_what_is_held(tmp_path: Path) -> None:
    log, ready = tmp_path / LOG_NAME, set[int]()
    told = [RunEnded(float(number), "x") for number in range(6)]
    with LogWriter(log) as writer:
        for number, event in enumerate(told):
            if number in (1, 3):
                writer.hold(lambda number=number: number in ready)  # type: ignore[misc]
            writer.write(event)
            writer.commit()
        assert list(read_log(log)) == told[:1] and writer.holds
        ready.add(3)
        writer.commit()
        assert list(read_log(log)) == told[:1], "what was held before is not ready"
        ready.add(1)
        writer.commit()
        assert list(read_log(log)) == told and not writer.holds
        writer.hold(lambda: False)
        writer.write(told[0])
        writer.commit()
        assert list(read_log(log)) == told
    assert list(read_log(log)) == [*told, told[0]], "at its end nothing is held back"


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**20))


def test_full_disk_leaves_room_for_the_end_of_the_log(small_disk: Path) -> None:
    log = small_disk / LOG_NAME
    with LogWriter(log) as writer:
        fill(small_disk)
        for number in range(20):
            writer.write(RunEnded(float(number), "x" * 200))
            writer.commit()
        assert writer.full is not None
    assert [event.time for event in read_log(log)] == list(range(20))


@pytest.mark.on_ray
def test_killed_driver(folder: Path) -> None:
    """With one worker nothing depends on time: the run ends as one that was never disturbed."""
    pytest.importorskip("ray")
    Command(folder, "run", "one.toml", "--strategy", "fusion+least-progress", "--out", "whole").end()
    log = folder / "cut" / LOG_NAME
    driver = Command(folder, "run", "one.toml", "--strategy", "fusion+least-progress", "--out", "cut")
    driver.when(lambda: bool(events(log, TrialExploited)))
    driver.freeze()
    _, errors = Command(folder, "run", "--resume", "cut").end(2)
    assert "another process is carrying this run out" in errors
    driver.kill()
    # What a crash may leave: half a line, of an exploit that followed a segment; a file that the log does not know.
    lines = log.read_bytes().splitlines(keepends=True)
    exploit = next(number for number, line in enumerate(lines) if b"trial-exploited" in line)
    assert sum(b"segment-ended" in line for line in lines[exploit:]) == 0
    log.write_bytes(b"".join(lines[:exploit]) + lines[exploit][:20])
    first = events(log)
    (folder / "cut" / "checkpoints" / "e-0-1000.pt").touch()

    driver = Command(folder, "run", "--resume", "cut")
    driver.when(ends(log, sum(isinstance(event, SegmentEnded) for event in first) + 3))
    driver.kill()
    _, errors = driver.end(-signal.SIGKILL)
    assert "events.jsonl: the last line was cut off after 20 bytes; dropped" in errors
    second = events(log)

    _, errors = Command(folder, "run", "--resume", "cut").end()
    assert "memory" not in errors and "PBT" not in errors
    assert events(log)[: len(second)] == second and second[: len(first)] == first
    [lost] = events(log, SegmentLost)
    one, two = events(log, RunResumed)
    assert one.reason == two.reason == lost.reason == "the driver died"
    assert (one.time, two.time, lost.time) == (first[-1].time, second[-1].time, second[-1].time)
    assert [event.reason for event in events(log, WorkerLeft)] == ["the driver died"] * 2
    assert len(events(log, WorkerJoined)) == 3
    check_complete(log)
    assert outcome(log) == outcome(folder / "whole" / LOG_NAME)


@pytest.mark.on_ray
def test_ctrl_c_once_and_twice(folder: Path) -> None:
    pytest.importorskip("ray")
    out = folder / "out put"
    log, second = (out / f"seed-{seed}" / LOG_NAME for seed in (0, 1))
    driver = Command(folder, "run", "two.toml", "--strategy", "fusion+hrfs", "--repeat", "2", "--out", "out put")
    driver.when(ends(log, 3))
    driver.ctrl_c()
    _, errors = driver.end(130)
    assert "go on with: hetsched run --resume 'out put'\n" in errors
    assert replay(events(log)).ended == "interrupted"
    assert events(log, WorkerDraining)
    assert not events(log, SegmentLost)
    last_start = max(event.time for event in events(log, SegmentStarted))
    assert all(event.time >= last_start for event in events(log, WorkerDraining))

    driver = Command(folder, "run", "--resume", "out put")
    driver.when(ends(second, 3))
    driver.ctrl_c()
    driver.when(lambda: bool(events(second, WorkerDraining)))
    driver.ctrl_c()
    _, errors = driver.end(130)
    assert "go on with: hetsched run --resume 'out put'\n" in errors
    check_complete(log)
    assert [event.reason for event in events(log, RunResumed)] == ["the run stopped: interrupted"]
    assert all(event.forgot is None for event in events(log, RunResumed))

    output, errors = Command(folder, "run", "--resume", "out put", "--json").end()
    assert "seed-0: complete already" in errors
    assert [run["iterations"] for run in json.loads(output)["runs"]] == [POPULATION * STOP] * 2
    check_complete(second)
    summary = (out / "summary.json").read_bytes()
    output, errors = Command(folder, "run", "--resume", "out put", "--json").end()
    assert "seed-1: complete already" in errors
    assert json.loads(output)["runs"][1]["state"] == replay(events(second)).snapshot()
    assert (out / "summary.json").read_bytes() == summary


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for two and a half checkpoints."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=230m", "tmpfs", str(disk)], capture_output=True)
    if made.returncode:
        pytest.skip("only root can make a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.on_ray
def test_full_disk(folder: Path, small_disk: Path) -> None:
    pytest.importorskip("ray")
    log = small_disk / "out" / LOG_NAME
    _, errors = Command(folder, "run", "two.toml", "--strategy", "fusion+fifo", "--out", "disk/out").end(1)
    assert "No space left on device" in errors
    assert f"{small_disk}/out/checkpoints/e-" in errors
    assert "go on with: hetsched run --resume disk/out" in errors
    assert replay(events(log)).ended.startswith("failed: ")  # type: ignore[union-attr]
    finished = outcome(log)[0]
    assert finished
    subprocess.run(["mount", "-o", "remount,size=1g", str(small_disk)], check=True)
    Command(folder, "run", "--resume", "disk/out").end()
    assert outcome(log)[0][: len(finished)] == finished
    state = replay(events(log))
    assert state.ended == "completed"
    assert {trial.iterations for trial in state.trials.values()} == {STOP}
    again, state = 0, State()  # only what there was no room for is trained again, and the log says so
    for event in events(log):
        if isinstance(event, CheckpointLost):
            again += state.trials[event.trial].iterations - event.iterations
        state.apply(event)
    assert sum(event.iterations for event in events(log, SegmentEnded)) == POPULATION * STOP + again


POLICY = """
from hetsched import scheduling
from hetsched.core.decisions import Dispatch

@scheduling.register("mine")
class Mine:
    def dispatch(self, state):
        {fault}
        pairs = zip(state.idle_workers, list(state.ready_trials))
        return [Dispatch(trial.id, worker.id, state.interval(trial)) for worker, trial in pairs]
"""


@pytest.mark.on_ray
def test_policy_that_raises(folder: Path) -> None:
    pytest.importorskip("ray")
    log = folder / "out" / LOG_NAME
    (folder / "mine.py").write_text(POLICY.format(fault="if len(state.first_segments) == 1: raise KeyError('plan')"))
    (folder / "mended.py").write_text(POLICY.format(fault="pass"))
    strategy = ["--strategy", "fusion+mine", "--policy-file", "mine.py"]
    _, errors = Command(folder, "run", "one.toml", *strategy, "--out", "out").end(1)
    assert "policy 'mine' raised KeyError" in errors
    assert f"go on with: hetsched run --resume out --policy-file {folder}/mine.py" in errors
    found = json.loads((folder / "out" / "policy-error.json").read_text())
    assert (found["policy"], found["decision_point"]["idle_workers"]) == ("mine", ["a/cpu0"])
    assert "raise KeyError('plan')" in "".join(found["traceback"])
    before = [event for event in events(log) if not isinstance(event, RunEnded)]
    assert found["state"] == replay(before).snapshot()

    _, errors = Command(folder, "run", "--resume", "out").end(2)
    assert "unknown scheduling policy 'mine'" in errors
    assert f"--policy-file {folder}/mine.py" in errors
    Command(folder, "run", "--resume", "out", "--policy-file", "mended.py").end()
    check_complete(log)
    assert [event.forgot for event in events(log, RunResumed)] == [None]


def test_the_file_of_models_is_found_again(folder: Path) -> None:
    (folder / "models.py").write_text("")
    (folder / "scenario.toml").write_text(SCENARIO + f'[real]\nmodel_file = "{folder / "models.py"}"\n')
    RunPlan("fusion+fifo", [0], [], "0").save(folder)
    scenario, *_ = begun_run(parser().parse_args(["run", "--resume", str(folder)]))
    assert scenario.real.model_file == str(folder / "models.py")
    (folder / "models.py").unlink()
    with pytest.raises(InputError, match="scenario.toml: real.model_file: .*models.py: no such file"):
        begun_run(parser().parse_args(["run", "--resume", str(folder)]))


def test_wrong_folder(folder: Path) -> None:
    _, errors = Command(folder, "run", "--resume", "nowhere").end(2)
    assert "--resume nowhere: no run to go on with (run.json: No such file" in errors
    _, errors = Command(folder, "run", "--resume", "nowhere", "--seed", "1").end(2)
    assert "leave out --seed" in errors
    _, errors = Command(folder, "run").end(2)
    assert "needs SCENARIO and --strategy" in errors
