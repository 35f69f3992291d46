"""Trials, workers and nodes of a real run are killed, broken and cut short, and the run goes on."""

import logging
import math
import os
import resource
import signal
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ray = pytest.importorskip("ray")

from ray._private import ray_constants  # noqa: E402

from hetsched import scheduling  # noqa: E402
from hetsched.core.decisions import Dispatch, Stop  # noqa: E402
from hetsched.core.events import (  # noqa: E402
    CheckpointLost,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import LOG_NAME, read_log  # noqa: E402
from hetsched.core.state import State, state_of  # noqa: E402
from hetsched.core.view import StateView  # noqa: E402
from hetsched.domain.registry import Strategy  # noqa: E402
from hetsched.domain.workload import Place  # noqa: E402
from hetsched.errors import HetschedError  # noqa: E402
from hetsched.scenario.loading import load_setup  # noqa: E402
from hetsched.scenario.scenario import Setup  # noqa: E402
from hetsched.scenario.tables import CheckpointsTable  # noqa: E402
from real import nodes, scheduler, testbed  # noqa: E402

pytestmark = pytest.mark.on_ray

STOP, INTERVAL, PACE_S = 9, 3, 0.1
SOON_S = 10.0
"""What takes 3 s on a machine that has nothing else to do; Ray's own settings take 15."""
ITERATIONS = {"e-0": STOP, "e-1": STOP, "e-2": STOP}

SCENARIO = f"""
name = "survival"
strategies = ["fusion+fifo"]
[[cluster.nodes]]
name = "a"
cores = 1
pace = true
[[cluster.nodes]]
name = "b"
cores = 1
pace = true
[[workload.experiments]]
name = "e"
model = "resnet18"
dataset = "synthetic"
batch_size = 8
population = 3
stop_iterations = {STOP}
evaluation_images = 20
train_images = 40
pbt = {{ perturbation_interval = {INTERVAL}, quantile_fraction = 0.25 }}
[profile]
sources = ["profile.csv"]
"""
PROFILE = f"""\
model,dataset,batch_size,device,cores,gpu_share,seconds_per_iteration,noise_cv,evaluation_s_per_image,start_up_s,\
restore_s,checkpoint_s,provenance
resnet18,synthetic,8,cpu,1,0,{PACE_S},,,,,,test
"""
STRATEGY = Strategy("fusion", "test-in-turn")


class InTurn:
    """Gives the worker that is idle longest the least advanced trial, until a test has seen enough."""

    enough = False

    def dispatch(self, state: StateView) -> Iterable[Dispatch | Stop]:
        if InTurn.enough:
            return [Stop(trial.id, "seen enough") for trial in state.ready_trials]
        pairs = zip(state.idle_workers, list(state.ready_trials), strict=False)
        return [Dispatch(trial.id, worker.id, state.interval(trial)) for worker, trial in pairs]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    scheduling.register("test-in-turn")(InTurn)
    yield
    del scheduling.policies._factories["test-in-turn"]
    ray_cluster.close()


@pytest.fixture
def own_cluster() -> Iterator[None]:
    """For tests that break the cluster: the next one starts afresh."""
    ray_cluster.close()
    yield
    ray_cluster.close()


def scenario_in(folder: Path, **changes: Any) -> Setup:
    """The scenario of this module; `changes` are of its experiment."""
    (folder / "profile.csv").write_text(PROFILE)
    (folder / "scenario.toml").write_text(SCENARIO)
    scenario = load_setup(folder / "scenario.toml")
    [experiment] = scenario.scenario.workload.experiments
    changed = experiment.model_validate(experiment.model_dump() | changes)
    scenario = scenario.replace(workload=scenario.scenario.workload.model_copy(update={"experiments": [changed]}))
    return kept_in(scenario, "storage")  # segments here are hardly longer than it takes to hand a state over


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return scenario_in(tmp_path_factory.mktemp("scenario"))


Watch = Callable[[SimpleNamespace], None]


def carry_out(scenario: Setup, folder: Path, watch: Watch | None = None) -> list[Any]:
    """A run's events. `watch` is called in every step of Tune with what can be seen from outside: the `state`, the
    `seconds` of the run, what is `saved`, and of each worker its process (`pids`) and how many segments it has done
    (`segments_of`)."""
    seen = SimpleNamespace(folder=folder, state=State(), pids={}, segments_of=Counter(), saved=set())
    hooks = scheduler.DispatchingScheduler
    choose, end_segment = hooks.choose_trial_to_run, hooks.on_trial_result

    def spy_choose(self: Any, controller: Any) -> None:
        seen.state, seen.seconds = self._driver._dispatcher.state, self._driver._clock.now()
        choose(self, controller)
        if watch is not None:
            watch(seen)

    def spy_end_segment(self: Any, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        seen.pids[result["worker"]] = result["pid"]
        seen.segments_of[result["worker"]] += 1
        action: str = end_segment(self, controller, trial, result)
        ours = self._driver._dispatcher.state.trials[trial.config["trial"]]
        seen.saved.add((ours.id, ours.iterations))
        if watch is not None:
            watch(seen)
        return action

    InTurn.enough = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hooks, "choose_trial_to_run", spy_choose)
        patch.setattr(hooks, "on_trial_result", spy_end_segment)
        backend.run(scenario, STRATEGY, 1, folder)
    return list(read_log(folder / LOG_NAME))


def of(events: Iterable[Any], kind: type, **fields: Any) -> list[Any]:
    chosen = (event for event in events if isinstance(event, kind))
    return [event for event in chosen if all(getattr(event, key) == value for key, value in fields.items())]


def trained(events: Iterable[Any]) -> dict[str, int]:
    return dict(sum((Counter({event.trial: event.iterations}) for event in of(events, SegmentEnded)), Counter()))


def first_after(time: float, events: Iterable[Any]) -> Any:
    return next(event for event in events if event.time >= time)


def raylet(node: str) -> int:
    """The process that is the Ray node which stands for a node of the scenario."""
    assert ray_cluster._session is not None and ray_cluster._session.cluster is not None
    [socket] = [
        found["RayletSocketName"]
        for found in ray.nodes()
        if found["Alive"] and found["Labels"].get(ray_cluster.NODE_LABEL) == node
    ]
    [started] = [one for one in ray_cluster._session.cluster.worker_nodes if one.raylet_socket_name == socket]
    return int(started.all_processes[ray_constants.PROCESS_TYPE_RAYLET][0].process.pid)


def start_again(node: str) -> None:
    """Start a Ray node for a node of the scenario, whose last one has died."""
    assert ray_cluster._session is not None and ray_cluster._session.cluster is not None
    ray_cluster._session.cluster.add_node(
        wait=False,
        num_cpus=1,
        labels={ray_cluster.NODE_LABEL: node},
        object_store_memory=ray_cluster.LEAST_OBJECT_STORE_BYTES,
        include_dashboard=False,
    )


class Once:
    """Does something the first time that a condition holds."""

    def __init__(self, when: Callable[[SimpleNamespace], bool], what: Callable[[SimpleNamespace], object]) -> None:
        self._when, self._what = when, what
        self.done_at: float | None = None

    def __call__(self, seen: SimpleNamespace) -> None:
        if self.done_at is None and self._when(seen):
            self.done_at = seen.seconds
            self._what(seen)


def trains_on(worker: str, after_s: float = 0.0) -> Callable[[SimpleNamespace], bool]:
    """A segment, not the first, has run on the worker for so long."""

    def condition(seen: SimpleNamespace) -> bool:
        return worker in seen.pids and any(
            segment.worker == worker and seen.seconds - segment.time > after_s
            for segment in seen.state.running.values()
        )

    return condition


def on_node(state: State, node: str) -> list[str]:
    return [worker.id for worker in state.workers.values() if worker.node == node]


def crash(seen: SimpleNamespace) -> None:
    """Machine a goes dark: no process of it is left to say so."""
    os.kill(raylet("a"), signal.SIGKILL)
    os.kill(seen.pids["a/cpu0"], signal.SIGKILL)


@pytest.mark.usefixtures("own_cluster")
def test_processes_die_and_a_node_dies_and_returns_and_goes_dark(tmp_path: Path) -> None:
    """Each costs the segment of one trial, which goes on elsewhere; what is back is used within seconds."""
    endless = scenario_in(tmp_path, stop_iterations=9000)
    at_work = trains_on("a/cpu0", 0.1)
    kill = Once(at_work, lambda seen: os.kill(seen.pids.pop("a/cpu0"), signal.SIGKILL))
    die = Once(lambda seen: bool(kill.done_at) and at_work(seen), lambda seen: os.kill(raylet("a"), signal.SIGKILL))

    def gone(seen: SimpleNamespace) -> bool:
        return die.done_at is not None and not on_node(seen.state, "a")

    def come_back(seen: SimpleNamespace) -> None:
        del seen.pids["a/cpu0"]
        start_again("a")

    back = Once(gone, come_back)
    dark = Once(lambda seen: bool(back.done_at) and at_work(seen), crash)

    def seen_enough(seen: SimpleNamespace) -> bool:
        on_b = seen.state.running.values()
        return bool(dark.done_at) and not on_node(seen.state, "a") and any(s.time > dark.done_at for s in on_b)

    end = Once(seen_enough, lambda seen: setattr(InTurn, "enough", True))

    def watch(seen: SimpleNamespace) -> None:
        for once in (kill, die, back, dark, end):
            once(seen)

    events = carry_out(endless, tmp_path, watch)
    assert back.done_at is not None
    losses, leaves = of(events, SegmentLost), of(events, WorkerLeft)
    assert {event.worker for event in losses + leaves} == {"a/cpu0"}
    for what, once in (("process", kill), ("node", die), ("node with its processes", dark)):
        assert once.done_at is not None
        lost = first_after(once.done_at, losses)
        print(f"{what} killed: noticed after {lost.time - once.done_at:.1f} s")  # for docs/real-runs.md
        assert lost.time < once.done_at + SOON_S
    for once in (die, dark):
        assert once.done_at is not None
        left = first_after(once.done_at, leaves)
        assert left.time < once.done_at + SOON_S
        assert left.reason in ("node a died", "node a does not answer")
        assert first_after(once.done_at, of(events, SegmentEnded, worker="b/cpu0")).time < left.time + 2
    joined = first_after(back.done_at, of(events, WorkerJoined))
    assert joined.time < back.done_at + SOON_S
    assert first_after(joined.time, of(events, SegmentStarted, worker="a/cpu0")).time < joined.time + 1
    assert of(events, SegmentEnded, worker="a/cpu0")[-1].time > joined.time
    final = state_of(events)
    assert final.ended == "completed"
    assert trained(events) == {trial.id: trial.iterations for trial in final.trials.values()}
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1  # nothing half written is left


@pytest.mark.usefixtures("own_cluster")
def test_a_node_that_hangs_for_a_moment_is_used_again(scenario: Setup, tmp_path: Path) -> None:
    """Nobody says what became of the killed process, so its node is in doubt until it carries out a task."""
    process = 0

    def hang(seen: SimpleNamespace) -> None:
        nonlocal process
        process = raylet("a")
        os.kill(process, signal.SIGSTOP)
        os.kill(seen.pids["a/cpu0"], signal.SIGKILL)

    stop = Once(trains_on("a/cpu0", 0.1), hang)
    wake = Once(
        lambda seen: stop.done_at is not None and not on_node(seen.state, "a"),
        lambda seen: os.kill(process, signal.SIGCONT),
    )

    def watch(seen: SimpleNamespace) -> None:
        stop(seen)
        wake(seen)

    try:
        events = carry_out(scenario, tmp_path, watch)
    finally:
        os.kill(process, signal.SIGCONT)
    assert wake.done_at is not None
    assert [event.reason for event in of(events, WorkerLeft)] == ["node a does not answer"]
    joined = of(events, WorkerJoined)[-1]
    assert wake.done_at < joined.time < wake.done_at + SOON_S
    assert trained(events) == ITERATIONS


@pytest.mark.usefixtures("own_cluster")
def test_a_trial_queued_for_a_dead_node_is_taken_back(scenario: Setup, tmp_path: Path) -> None:
    """The node dies before the first segment there has begun: nothing waits for its placement group."""
    kill = Once(lambda seen: len(seen.state.running) == 2, lambda seen: os.kill(raylet("a"), signal.SIGKILL))
    events = carry_out(scenario, tmp_path, kill)
    assert {event.worker for event in of(events, SegmentEnded)} == {"b/cpu0"}
    assert [event.worker for event in of(events, SegmentLost)] == ["a/cpu0"]
    assert of(events, WorkerLeft)[0].time < SOON_S
    assert trained(events) == ITERATIONS


def kept_in(scenario: Setup, place: Place) -> Setup:
    return scenario.replace(checkpoints=CheckpointsTable(place=place))


def without_pbt(folder: Path, **changes: Any) -> Setup:
    """Trials that never exploit each other, so that each keeps to its own files."""
    return scenario_in(folder, pbt={"perturbation_interval": INTERVAL, "quantile_fraction": 0.0}, **changes)


def test_a_broken_checkpoint_costs_a_generation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One is cut short, one has a bit turned over in its weights, and of one trial both are gone."""
    broken: set[tuple[str, int]] = set()

    def damage(seen: SimpleNamespace) -> None:
        for trial, iterations in seen.saved - broken:
            if iterations == 2 * INTERVAL:
                broken.add((trial, iterations))
                file = seen.folder / "checkpoints" / f"{trial}-{iterations}.pt"
                if trial == "e-0":
                    os.truncate(file, file.stat().st_size // 2)
                elif trial == "e-1":
                    turn_a_bit_over(file)
                elif trial == "e-2":
                    file.unlink()
                    (seen.folder / "checkpoints" / f"e-2-{INTERVAL}.pt").write_bytes(b"")

    with caplog.at_level(logging.WARNING):
        events = carry_out(without_pbt(tmp_path, population=4), tmp_path, damage)
    lost = {trial: of(events, CheckpointLost, trial=trial) for trial in ITERATIONS}
    assert [event.iterations for event in lost["e-0"] + lost["e-1"] + lost["e-2"]] == [3, 3, 3, 0]
    for trial in ("e-0", "e-1"):
        assert lost[trial][0].score == of(events, SegmentEnded, trial=trial)[0].score
    assert lost["e-2"][1].score is None
    warnings = [record.getMessage() for record in caplog.records if record.name == "real.tune.trial_states"]
    for event, file in ((lost["e-0"][0], "e-0-6.pt"), (lost["e-1"][0], "e-1-6.pt"), (lost["e-2"][1], "e-2-3.pt")):
        path = str(tmp_path / "checkpoints" / file)
        assert path in event.reason
        assert any(path in warning for warning in warnings)
    assert "checksum" in lost["e-1"][0].reason
    again = {"e-0": INTERVAL, "e-1": INTERVAL, "e-2": 2 * INTERVAL, "e-3": 0}
    assert trained(events) == {trial: STOP + twice for trial, twice in again.items()}
    assert all(trial.iterations == STOP for trial in state_of(events).trials.values())
    assert not of(events, WorkerLeft)


def test_a_killed_process_costs_its_segment_only_when_files_are_written_behind(tmp_path: Path) -> None:
    pbt = {"perturbation_interval": 10, "quantile_fraction": 0.25}
    scenario = kept_in(scenario_in(tmp_path, stop_iterations=30, pbt=pbt), "both")
    kill = Once(trains_on("a/cpu0", 0.7), lambda seen: os.kill(seen.pids["a/cpu0"], signal.SIGKILL))
    events = carry_out(scenario, tmp_path, kill)
    assert len(of(events, SegmentLost)) == 1 and not of(events, CheckpointLost)
    assert trained(events) == {"e-0": 30, "e-1": 30, "e-2": 30}
    homes = {trial: {event.worker for event in of(events, SegmentEnded, trial=trial)} for trial in ITERATIONS}
    assert any(len(workers) == 2 for workers in homes.values())


@pytest.mark.usefixtures("own_cluster")
def test_what_is_in_memory_only_is_lost_with_its_node(tmp_path: Path) -> None:
    """Its trial starts anew; at the end the best trial's weights are in storage all the same.

    There are as many trials as workers, so that each stays where it is, and nobody else fetches its states.
    """
    crashed = Once(trains_on("a/cpu0", 0.1), crash)
    scenario = without_pbt(tmp_path, population=2, stop_iterations=30)
    events = carry_out(kept_in(scenario, "object-store"), tmp_path, crashed)
    assert crashed.done_at is not None
    before = [event for event in events if event.time <= crashed.done_at]
    at_home = {event.trial: event.worker for event in of(before, SegmentEnded)}
    lost = of(events, CheckpointLost)
    assert lost and {event.trial for event in lost} <= {t for t, worker in at_home.items() if worker == "a/cpu0"}
    assert {(event.iterations, event.score) for event in lost} == {(0, None)}
    assert all(trial.iterations == 30 for trial in state_of(events).trials.values())
    best = max(state_of(events).trials.values(), key=lambda trial: trial.score or 0.0).id
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == [f"{best}-30.pt"]


def turn_a_bit_over(file: Path) -> None:
    """In the midst of the largest tensor."""
    with zipfile.ZipFile(file) as archive:
        largest = max(archive.infolist(), key=lambda info: info.file_size)
    with file.open("r+b") as content:
        content.seek(largest.header_offset + largest.file_size // 2)
        byte = content.read(1)[0]
        content.seek(-1, os.SEEK_CUR)
        content.write(bytes([byte ^ 16]))


def test_weights_that_are_no_numbers_score_lowest_and_are_replaced(tmp_path: Path) -> None:
    space = {"lr": {"low": 1e-3, "high": 1e6, "scale": "log"}}
    pbt = {"perturbation_interval": INTERVAL, "quantile_fraction": 0.5, "resample_probability": 0.0}
    events = carry_out(scenario_in(tmp_path, population=4, search_space=space, pbt=pbt), tmp_path)
    scores = {event.score for event in of(events, SegmentEnded)}
    assert 0.0 in scores
    assert max(scores) > 0
    assert all(math.isfinite(score) for score in scores)
    assert "NaN" not in (tmp_path / LOG_NAME).read_text()
    state = State()
    replaced = 0
    for event in events:
        if isinstance(event, TrialExploited) and state.trials[event.trial].score == 0.0:
            replaced += state.trials[event.source].score > 0.0  # type: ignore[operator]
        state.apply(event)
    assert replaced
    assert set(trained(events).values()) == {STOP}


def cannot_write(node: str) -> None:
    """What is started on the node from now on can write no file as large as a checkpoint, as if its disk were full."""
    resource.prlimit(raylet(node), resource.RLIMIT_FSIZE, (2**24, 2**24))


@pytest.mark.usefixtures("own_cluster")
def test_a_node_on_which_everything_fails_is_set_aside_until_it_is_started_anew(tmp_path: Path) -> None:
    endless = scenario_in(tmp_path, stop_iterations=9000)
    testbed.connect(endless.cluster)
    cannot_write("a")

    def repair(seen: SimpleNamespace) -> None:
        os.kill(raylet("a"), signal.SIGKILL)
        start_again("a")

    aside = Once(lambda seen: not on_node(seen.state, "a"), repair)
    end = Once(trains_on("a/cpu0"), lambda seen: setattr(InTurn, "enough", True))

    def watch(seen: SimpleNamespace) -> None:
        aside(seen)
        end(seen)

    events = carry_out(endless, tmp_path, watch)
    lost = of(events, SegmentLost)
    assert [event.worker for event in lost] == ["a/cpu0"] * 3
    [left] = of(events, WorkerLeft)
    assert "node a was set aside: 3 segments in a row failed there, the last of e-" in left.reason
    joined = of(events, WorkerJoined)[-1]
    ended = of(events, SegmentEnded, worker="a/cpu0")
    assert left.time < joined.time < ended[0].time
    assert {event.trial for event in of(events, SegmentEnded)} == set(ITERATIONS)


@pytest.mark.usefixtures("own_cluster")
def test_without_a_node_that_works_the_run_ends(
    scenario: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "STRIKES", 1)  # as this is slow
    testbed.connect(scenario.cluster)
    cannot_write("a")
    cannot_write("b")
    message = "no worker is left and 3 trials are not done: node . was set aside: 1 .* failed there, .*; node . was set"
    with pytest.raises(HetschedError, match=message):
        carry_out(scenario, tmp_path)
    assert state_of(read_log(tmp_path / LOG_NAME)).ended == "failed: HetschedError"


@pytest.mark.usefixtures("own_cluster")
def test_a_run_whose_nodes_all_died_waits_for_one_and_ends(
    scenario: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "RETURN_S", 2.0)
    kill = Once(
        lambda seen: len(seen.state.running) == 2,
        lambda seen: [os.kill(raylet(node), signal.SIGKILL) for node in ("a", "b")],
    )
    message = "no worker is left and 3 trials are not done: node . died; node . died"
    with pytest.raises(HetschedError, match=message):
        carry_out(scenario, tmp_path, kill)
    events = list(read_log(tmp_path / LOG_NAME))
    assert events[-1].reason == "failed: HetschedError"
    assert events[-1].time > max(event.time for event in of(events, WorkerLeft)) + 2.0


def test_a_trial_that_fails_everywhere_ends_the_run_and_leaves_a_node(scenario: Setup, tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "e-1-3.pt").mkdir(parents=True)  # nothing can be saved under this name
    with pytest.raises(HetschedError, match="trial 'e-1' failed 4 times, at last with: IsADirectoryError"):
        carry_out(scenario, tmp_path)
    events = list(read_log(tmp_path / LOG_NAME))
    assert {event.trial for event in of(events, SegmentLost) if "IsADirectoryError" in event.reason} == {"e-1"}
    assert len({event.worker for event in of(events, WorkerLeft)}) <= 1
