"""Real runs on Ray Tune, small ones: two unequal nodes, synthetic images, a handful of short segments."""

import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest

ray = pytest.importorskip("ray")

from hetsched import allocation, scheduling  # noqa: E402
from hetsched.core.decisions import Dispatch  # noqa: E402
from hetsched.core.events import RunEnded, SegmentEnded, SegmentLost, SegmentStarted, TrialCompleted, TrialExploited  # noqa: E402
from hetsched.core.log import LOG_NAME, read_log  # noqa: E402
from hetsched.core.state import State, state_of  # noqa: E402
from hetsched.core.view import StateView  # noqa: E402
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_worker, gpu_worker  # noqa: E402
from hetsched.domain.registry import Strategy  # noqa: E402
from hetsched.errors import HetschedError, InputError, PolicyError  # noqa: E402
from hetsched.scenario.loading import load_setup  # noqa: E402
from hetsched.scenario.scenario import Setup  # noqa: E402
from hetsched.scenario.tables import CheckpointsTable  # noqa: E402
from real import scheduler, testbed  # noqa: E402

pytestmark = pytest.mark.on_ray

POPULATION, STOP, INTERVAL = 6, 9, 3
PACE_S = {"v100": 0.06, "cpu": 0.18}

SCENARIO = f"""
name = "small"
strategies = ["fusion+fifo"]
[[cluster.nodes]]
name = "a"
cores = 2
gpus = 1
gpu_type = "v100"
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
population = {POPULATION}
stop_iterations = {STOP}
evaluation_images = 40
train_images = 80
pbt = {{ perturbation_interval = {INTERVAL}, quantile_fraction = 0.5 }}
[profile]
sources = ["profile.csv"]
"""
PROFILE = f"""\
model,dataset,batch_size,device,cores,gpu_share,seconds_per_iteration,noise_cv,evaluation_s_per_image,start_up_s,\
restore_s,checkpoint_s,provenance
resnet18,synthetic,8,v100,0,1,{PACE_S["v100"]},,,,,,test
resnet18,synthetic,8,cpu,1,0,{PACE_S["cpu"]},,,,,,test
"""


class Greedy:
    """Gives every idle worker the least advanced trial. It cannot be pickled: policies stay with the driver."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        pairs = zip(state.idle_workers, list(state.ready_trials), strict=False)
        return [Dispatch(trial.id, worker.id, state.interval(trial)) for worker, trial in pairs]

    def __reduce__(self) -> str:
        raise AssertionError("the policy was pickled")


class Sticky(Greedy):
    """On node b a trial stays until it is completed, an iteration at a time, so that PBT lets it be in between.

    Every other worker gets the least advanced trial for a whole interval.
    """

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        ready = list(state.ready_trials)
        decisions = []
        for worker in state.idle_workers:
            here = [trial for trial in ready if trial.at == worker.id and worker.node == "b"]
            if chosen := (here + ready)[:1]:
                ready.remove(chosen[0])
                iterations = 1 if worker.node == "b" else state.interval(chosen[0])
                decisions.append(Dispatch(chosen[0].id, worker.id, iterations))
        return decisions


class Raising(Greedy):
    """Fails when the first segment has ended."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        if state.first_segments:
            raise ZeroDivisionError("no plan")
        return super().dispatch(state)


class Stalling(Greedy):
    """Never starts anything."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return []


class OnePerNode:
    """The GPU of node a and the core of node b, as few actors start faster."""

    def workers(self, cluster: ClusterSpec, workload: Any, times: Any) -> list[Worker]:
        a, b = cluster
        return [gpu_worker(a, 0, 1), cpu_worker(b, 0, 1)]


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """The policies of this module by name, and at the end no Ray cluster any more."""
    for policy in (Greedy, Sticky, Raising, Stalling):
        scheduling.register(f"test-{policy.__name__.lower()}")(policy)
    allocation.register("test-one-per-node")(OnePerNode)
    yield
    for policy in (Greedy, Sticky, Raising, Stalling):
        del scheduling.policies._factories[f"test-{policy.__name__.lower()}"]
    del allocation.policies._factories["test-one-per-node"]
    ray_cluster.close()


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    folder = tmp_path_factory.mktemp("scenario")
    (folder / "profile.csv").write_text(PROFILE)
    (folder / "scenario.toml").write_text(SCENARIO)
    return load_setup(folder / "scenario.toml")


Hook = Callable[[int, dict[str, Any]], None]


def carry_out(
    scenario: Setup, strategy: Strategy, folder: Path, after: Hook | None = None, **options: Any
) -> SimpleNamespace:
    """A run with its events and, beside the log, what the actors reported; `after` is called with each result."""
    results: list[dict[str, Any]] = []
    end_segment = scheduler.DispatchingScheduler.on_trial_result

    def spy(self: Any, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        results.append(result)
        action: str = end_segment(self, controller, trial, result)
        if after is not None:
            after(len(results), result)
        return action

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler.DispatchingScheduler, "on_trial_result", spy)
        time = backend.run(scenario, strategy, 1, folder, **options)
    return SimpleNamespace(folder=folder, time=time, results=results, events=list(read_log(folder / LOG_NAME)))


def of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def own_iterations(events: list[Any]) -> dict[str, int]:
    done: dict[str, int] = defaultdict(int)
    for event in of(events, SegmentEnded):
        done[event.trial] += event.iterations
    return done


@pytest.fixture(scope="module")
def run(scenario: Setup, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run, looked at from all sides by the tests of `TestRun`; `state` is what the backend ended with."""
    states: list[State] = []
    folder = tmp_path_factory.mktemp("run")
    strategy = Strategy("fusion", "test-sticky")
    done = carry_out(scenario, strategy, folder, listen=lambda state, event: states.append(state))
    done.state = states[-1]
    return done


class TestRun:
    def test_every_trial_trains_its_own_iterations(self, run: SimpleNamespace) -> None:
        assert own_iterations(run.events) == {f"e-{n}": STOP for n in range(POPULATION)}
        assert len(of(run.events, TrialCompleted)) == POPULATION
        assert isinstance(run.events[-1], RunEnded)
        assert run.events[-1].reason == "completed"

    def test_log_adds_up_to_the_final_state(self, run: SimpleNamespace) -> None:
        assert state_of(run.events).snapshot() == run.state.snapshot()
        times = [event.time for event in run.events]
        assert times == sorted(times)

    def test_segments_run_where_the_policy_said(self, run: SimpleNamespace) -> None:
        ended = of(run.events, SegmentEnded)
        assert [event.worker for event in ended] == [result["worker"] for result in run.results]
        assert {event.worker for event in ended} == {"a/gpu0", "a/cpu0", "b/cpu0"}
        nodes = {(result["worker"].split("/")[0], result["ray_node"]) for result in run.results}
        assert len(nodes) == 2

    def test_one_actor_a_worker(self, run: SimpleNamespace) -> None:
        assert len({(result["worker"], result["pid"]) for result in run.results}) == 3

    def test_no_worker_is_booked_twice(self, run: SimpleNamespace) -> None:
        busy: dict[str, str] = {}
        for event in run.events:
            if isinstance(event, SegmentStarted):
                assert event.worker not in busy
                busy[event.worker] = event.trial
            elif isinstance(event, SegmentEnded):
                assert busy.pop(event.worker) == event.trial

    def test_weights_are_the_trials_own_or_its_sources(self, run: SimpleNamespace) -> None:
        latest: dict[str, str | None] = defaultdict(lambda: None)
        origin: dict[str, str | None] = {}
        done: dict[str, int] = defaultdict(int)
        expected = []
        for event in run.events:
            if isinstance(event, SegmentStarted):
                origin[event.trial] = latest[event.trial]
            elif isinstance(event, SegmentEnded):
                expected.append(origin[event.trial])
                done[event.trial] += event.iterations
                latest[event.trial] = f"{event.trial}-{done[event.trial]}.pt"
            elif isinstance(event, TrialExploited):
                latest[event.trial] = latest[event.source]
        assert [result["restored"] for result in run.results] == expected
        best = max(state_of(run.events).trials.values(), key=lambda trial: trial.score)
        assert [path.name for path in (run.folder / "checkpoints").iterdir()] == [latest[best.id]]

    def test_trial_that_stays_is_not_restored(self, run: SimpleNamespace) -> None:
        exploited: set[str] = set()
        before: dict[str, str] = {}
        stays = []
        for event in run.events:
            if isinstance(event, TrialExploited):
                exploited.add(event.trial)
            elif isinstance(event, SegmentEnded):
                if before.get(event.worker) == event.trial and event.trial not in exploited:
                    stays.append(event.parts.restore_s)
                exploited.discard(event.trial)
                before[event.worker] = event.trial
        assert stays
        assert max(stays) < 0.01

    def test_exploits_explore(self, run: SimpleNamespace) -> None:
        exploits = of(run.events, TrialExploited)
        assert exploits
        state = State()
        for event in run.events:
            if isinstance(event, TrialExploited):
                assert event.hyperparameters.keys() == {"lr", "momentum"}
                assert event.hyperparameters != state.trials[event.source].hyperparameters
                assert event.hyperparameters != state.trials[event.trial].hyperparameters
            state.apply(event)

    def test_iterations_keep_the_pace(self, run: SimpleNamespace, scenario: Setup) -> None:
        devices = {"a/gpu0": "v100", "a/cpu0": "cpu", "b/cpu0": "cpu"}
        for event in of(run.events, SegmentEnded):
            assert event.parts.train_s >= event.iterations * PACE_S[devices[event.worker]] - 1e-3

    def test_parts_add_up(self, run: SimpleNamespace) -> None:
        started: dict[str, float] = {}
        warm: set[str] = set()
        for event in run.events:
            if isinstance(event, SegmentStarted):
                started[event.trial] = event.time
            elif isinstance(event, SegmentEnded):
                assert event.parts.total_s == pytest.approx(event.time - started[event.trial], abs=1e-3)
                assert (event.parts.start_up_s > 0) == (event.worker not in warm)
                warm.add(event.worker)
        assert median(event.parts.dispatch_s for event in of(run.events, SegmentEnded)) < 0.5

    def test_decisions_are_counted(self, run: SimpleNamespace) -> None:
        assert run.time.decisions >= POPULATION * STOP / INTERVAL / 3
        assert run.time.decision_s > 0


def test_successive_halving_stops_trials_for_real(tmp_path: Path) -> None:
    """Without PBT and with two batch sizes: of 9 trials 3 and then 1 go on."""
    text = SCENARIO.replace(f"population = {POPULATION}", "population = 9").replace(
        "batch_size = 8", "batch_size = [4, 8]"
    )
    text = text[: text.index("pbt = {")] + "pbt.enabled = false\n" + text[text.index("[profile]") :]
    (tmp_path / "scenario.toml").write_text(text + "[scheduling.asha]\ngrace_iterations = 1\n")
    (tmp_path / "profile.csv").write_text(PROFILE + PROFILE[PROFILE.index("resnet18") :].replace(",8,", ",4,"))
    (tmp_path / "run").mkdir()
    run = carry_out(load_setup(tmp_path / "scenario.toml"), Strategy("test-one-per-node", "asha"), tmp_path / "run")
    reasons = [event.reason for event in of(run.events, TrialCompleted)]
    assert len(reasons) == 9
    assert sum(reason.startswith("stopped by asha") for reason in reasons) >= 6
    assert {trial.kind.batch_size for trial in state_of(run.events).trials.values()} == {4, 8}
    assert not of(run.events, TrialExploited)


def in_storage(scenario: Setup) -> Setup:
    return scenario.replace(checkpoints=CheckpointsTable(place="storage"))


def test_killed_actors_cost_their_segment_only(scenario: Setup, tmp_path: Path) -> None:
    def kill(number: int, result: dict[str, Any]) -> None:
        if number == 2:  # this actor is idle, or has just been told to go on
            os.kill(result["pid"], signal.SIGKILL)
        elif number == 7:  # this one will be in the middle of its next segment
            threading.Timer(0.15, os.kill, (result["pid"], signal.SIGKILL)).start()

    run = carry_out(in_storage(scenario), Strategy("test-one-per-node", "test-greedy"), tmp_path, kill)
    lost = of(run.events, SegmentLost)
    assert len(lost) == 2
    assert own_iterations(run.events) == {f"e-{n}": STOP for n in range(POPULATION)}
    assert len({result["pid"] for result in run.results}) == 4
    assert run.events[-1].reason == "completed"


@pytest.mark.parametrize(
    ("policy", "message"),
    [("test-raising", "raised ZeroDivisionError .* no plan"), ("test-stalling", "is stalled")],
)
def test_policy_errors_surface(scenario: Setup, tmp_path: Path, policy: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        carry_out(scenario, Strategy("test-one-per-node", policy), tmp_path)
    assert list(read_log(tmp_path / LOG_NAME))[-1].reason == "failed: PolicyError"  # type: ignore[union-attr]


def test_trial_that_keeps_failing_ends_the_run(
    scenario: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MAX_FAILURES", 0)

    def remove_checkpoints(number: int, result: dict[str, Any]) -> None:
        for path in (tmp_path / "checkpoints").glob("e-*.pt"):  # those that are complete
            path.unlink()

    with pytest.raises(HetschedError, match=r"trial 'e-\d' failed 1 times, at last with: CheckpointError: "):
        carry_out(in_storage(scenario), Strategy("test-one-per-node", "test-greedy"), tmp_path, remove_checkpoints)
    assert list(read_log(tmp_path / LOG_NAME))[-1].reason == "failed: HetschedError"  # type: ignore[union-attr]


def test_impossible_settings_end_the_run_at_once(scenario: Setup, tmp_path: Path) -> None:
    [experiment] = scenario.scenario.workload.experiments
    few = scenario.scenario.workload.model_copy(
        update={"experiments": [experiment.model_copy(update={"train_images": 4})]}
    )
    with pytest.raises(InputError, match="batch_size is 8: expected 1 to 4"):
        carry_out(scenario.replace(workload=few), Strategy("test-one-per-node", "test-greedy"), tmp_path)


def test_running_cluster_is_joined(scenario: Setup, tmp_path: Path) -> None:
    """Another process joins the cluster of this one, and its nodes are told by their labels."""
    testbed.connect(scenario.cluster)
    assert testbed._session is not None
    assert testbed._session.cluster is not None
    address = testbed._session.cluster.address
    joined = scenario.replace(real=scenario.scenario.real.model_copy(update={"address": address}))
    (tmp_path / "joined.toml").write_text(joined.scenario.to_toml())
    (tmp_path / "profile.csv").write_text(PROFILE)
    script = (
        "from pathlib import Path; from hetsched.scenario.loading import load_setup; from real import tune; "
        "from hetsched.scenario.checks import parse_strategy; "
        f"folder = Path({str(tmp_path)!r}); tune.run(load_setup(folder / 'joined.toml'), "
        "parse_strategy('uniform+fifo'), 1, folder)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert own_iterations(list(read_log(tmp_path / LOG_NAME))) == {f"e-{n}": STOP for n in range(POPULATION)}


def test_interrupt_closes_the_log(scenario: Setup, tmp_path: Path) -> None:
    def interrupt(number: int, result: dict[str, Any]) -> None:
        if number == 1:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        carry_out(scenario, Strategy("test-one-per-node", "test-greedy"), tmp_path, interrupt)
    assert list(read_log(tmp_path / LOG_NAME))[-1].reason == "interrupted"  # type: ignore[union-attr]


def test_only_one_experiment(scenario: Setup, tmp_path: Path) -> None:
    [experiment] = scenario.scenario.workload.experiments
    second = experiment.model_copy(update={"name": "f"})
    two = scenario.scenario.workload.model_copy(update={"experiments": [experiment, second]})
    with pytest.raises(InputError, match=r"workload.experiments: .* one experiment, the scenario has 2: e, f"):
        backend.run(scenario.replace(workload=two), Strategy("fusion", "fifo"), 0, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", "resnet81", "e.model: no model 'resnet81' .* 'resnet18'"),
        ("arrival_s", 5.0, "e.arrival_s: a real run begins when its experiment arrives; set it to 0"),
        ("gang", 2, "e.gang: a real trial trains on one worker"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(
    key: str, value: object, message: str, scenario: Setup, tmp_path: Path
) -> None:
    [experiment] = scenario.scenario.workload.experiments
    odd = scenario.scenario.workload.model_copy(update={"experiments": [experiment.model_copy(update={key: value})]})
    with pytest.raises(InputError, match=message):
        backend.run(scenario.replace(workload=odd), Strategy("fusion", "fifo"), 0, tmp_path)


def test_luck_of_pbt_is_its_own() -> None:
    import random

    one, other = pbt.LentGenerators(7), pbt.LentGenerators(7)
    with one.drawn():
        drawn = [random.random(), random.random()]
    with other.drawn():
        again = [random.random()]
    random.random()  # as Tune does in between
    with other.drawn():
        again.append(random.random())
    assert drawn == again
