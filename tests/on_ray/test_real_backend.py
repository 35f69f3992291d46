"""Real runs on Ray Tune, small ones: two unequal nodes, a handful of short segments."""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hetsched import scheduling
from hetsched.core.asked_again import policy_calls
from hetsched.core.decisions import Dispatch, Stop
from hetsched.core.events import (
    ResourcesSampled,
    RunEnded,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialCompleted,
    TrialExploited,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State, state_of
from hetsched.core.view import StateView
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, PolicyError
from hetsched.testing import check_log
from real.tune.pbt import LentGenerator
from real.tune.run import run as run_on_ray
from tests.on_ray.conftest import (
    INTERVAL,
    PACE_S,
    ROOT,
    STAYING,
    STOP,
    InTurn,
    Once,
    Seen,
    carry_out,
    of,
    small_scenario,
    strategy,
    trained,
)

POPULATION = 6


class Sticky(InTurn):
    """On node b a trial stays until it is completed, an iteration at a time, so that PBT lets it be
    in between.

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


class Raising(InTurn):
    """Fails when the first segment has ended."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch | Stop]:
        if state.first_segments:
            raise ZeroDivisionError("no plan")
        return super().dispatch(state)


class Stalling(InTurn):
    """Never starts anything."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return []


@pytest.fixture(scope="module", autouse=True)
def more_policies() -> Iterator[None]:
    for policy in (Sticky, Raising, Stalling):
        scheduling.register(f"test-{policy.__name__.lower()}")(policy)
    yield
    for policy in (Sticky, Raising, Stalling):
        del scheduling.policies._factories[f"test-{policy.__name__.lower()}"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run, looked at from all sides by the tests of `TestRun`; `state` is what the backend
    ended with.

    `libraries` has what each actor's process had loaded when it first reported.
    """
    libraries: dict[int, str] = {}

    def look(seen: Seen) -> None:
        if seen.results and (process := seen.results[-1]["pid"]) not in libraries:
            libraries[process] = Path(f"/proc/{process}/maps").read_text()

    folder = tmp_path_factory.mktemp("run")
    setup = small_scenario(population=POPULATION, real={"report_interval_s": 0.2})
    seen = carry_out(setup, folder, look, Strategy("fusion", "test-sticky"))
    assert seen.outcome is not None
    return SimpleNamespace(
        folder=folder,
        time=seen.outcome,
        results=seen.results,
        events=seen.events,
        state=seen.state,
        libraries=libraries,
    )


class TestRun:
    def test_every_node_is_sampled_while_it_goes_on(self, run: SimpleNamespace) -> None:
        samples = of(run.events, ResourcesSampled)
        assert {sample.node for sample in samples} == {"a", "b"}
        assert all(0 <= sample.cpu <= 1 and 0 < sample.memory_bytes < sample.memory_total_bytes for sample in samples)
        assert any(sample.cpu > 0 for sample in samples)
        ends = [event.time for event in of(run.events, SegmentEnded)]
        assert samples[0].time < ends[0] and samples[-1].time < ends[-1]

    def test_every_trial_trains_its_own_iterations(self, run: SimpleNamespace) -> None:
        assert trained(run.events) == {f"e-{n}": STOP for n in range(POPULATION)}
        assert len(of(run.events, TrialCompleted)) == POPULATION
        assert isinstance(run.events[-1], RunEnded)
        assert run.events[-1].reason == "completed"

    def test_log_adds_up_to_the_final_state(self, run: SimpleNamespace) -> None:
        assert check_log(run.events).snapshot() == run.state.snapshot()

    def test_segments_run_where_the_policy_said(self, run: SimpleNamespace) -> None:
        ended = of(run.events, SegmentEnded)
        assert [event.worker for event in ended] == [result["worker"] for result in run.results]
        assert {event.worker for event in ended} == {"a/gpu0", "a/cpu0", "b/cpu0"}
        nodes = {(result["worker"].split("/")[0], result["ray_node"]) for result in run.results}
        assert len(nodes) == 2

    def test_no_actor_imports_torch_for_a_trainer_that_needs_none(self, run: SimpleNamespace) -> None:
        assert len(run.libraries) == 3
        assert not any("libtorch" in loaded for loaded in run.libraries.values())

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
        best = max(state_of(run.events).trials.values(), key=lambda trial: trial.score or 0.0)
        assert [path.name for path in (run.folder / "checkpoints").iterdir()] == [latest[best.id]]

    def test_exploits_explore(self, run: SimpleNamespace) -> None:
        exploits = of(run.events, TrialExploited)
        assert exploits
        state = State()
        for event in run.events:
            if isinstance(event, TrialExploited):
                assert event.hyperparameters.keys() == {"lr", "momentum"}
                assert event.hyperparameters != state.trials[event.source].hyperparameters
            state.apply(event)

    def test_iterations_keep_the_pace(self, run: SimpleNamespace) -> None:
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
        assert started

    def test_decisions_are_counted(self, run: SimpleNamespace) -> None:
        assert run.time.decisions == sum(call.asked for call in policy_calls(run.events))
        assert run.time.decision_s > 0


def test_a_trial_that_stays_is_not_restored(tmp_path: Path) -> None:
    """Every file is gone before the segment that would need it."""
    removed = 0

    def remove(seen: Seen) -> None:
        nonlocal removed
        if not seen.state.finished:
            for file in (tmp_path / "checkpoints").glob("e-*.pt"):
                file.unlink()
                removed += 1

    setup = small_scenario(population=2, pbt={"enabled": False}, checkpoint_interval=INTERVAL)
    events = carry_out(setup, tmp_path, remove, STAYING).events
    assert removed
    assert trained(events) == {"e-0": STOP, "e-1": STOP}
    assert not of(events, SegmentLost)


def test_successive_halving_stops_trials_for_real(tmp_path: Path) -> None:
    """Without PBT and with two batch sizes: of 9 trials 3 and then 1 go on."""
    setup = small_scenario(population=9, batch_size=[4, 8], pbt={"enabled": False})
    options = setup.scenario.scheduling | {"asha": {"grace_iterations": 1}}
    events = carry_out(setup.replace(scheduling=options), tmp_path, strategy=strategy("asha")).events
    reasons = [event.reason for event in of(events, TrialCompleted)]
    assert len(reasons) == 9
    assert sum(reason.startswith("stopped by asha") for reason in reasons) >= 6
    assert {trial.kind.batch_size for trial in state_of(events).trials.values()} == {4, 8}
    assert not of(events, TrialExploited)


def test_an_actor_killed_between_segments_costs_one_only(tmp_path: Path) -> None:
    """It has just reported, and has been told to go on with another trial."""
    killed: list[int] = []

    def kill(seen: Seen) -> None:
        killed.append(seen.results[-1]["pid"])
        os.kill(killed[0], signal.SIGKILL)

    once = Once(lambda seen: len(seen.results) == 2, kill)
    seen = carry_out(small_scenario(population=POPULATION), tmp_path, once)
    assert len(of(seen.events, SegmentLost)) == 1
    assert trained(seen.events) == {f"e-{n}": STOP for n in range(POPULATION)}
    assert killed[0] not in [result["pid"] for result in seen.results[2:]]
    assert seen.events[-1].reason == "completed"


@pytest.mark.parametrize(
    ("policy", "message"),
    [("test-raising", "raised ZeroDivisionError .* no plan"), ("test-stalling", "is stalled")],
)
def test_policy_errors_surface(tmp_path: Path, policy: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        carry_out(small_scenario(), tmp_path, strategy=strategy(policy))
    assert list(read_log(tmp_path / LOG_NAME))[-1].reason.startswith("failed: PolicyError: policy ")  # type: ignore[union-attr]


def test_impossible_settings_end_the_run_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch_size is 8: expected at most 4"):
        carry_out(small_scenario(train_images=4), tmp_path)


def test_only_one_experiment(tmp_path: Path) -> None:
    setup = small_scenario()
    [experiment] = setup.scenario.workload.experiments
    second = experiment.model_copy(update={"name": "f"})
    two = setup.scenario.workload.model_copy(update={"experiments": [experiment, second]})
    with pytest.raises(InputError, match=r"workload.experiments: .* one experiment, the scenario has 2: e, f"):
        run_on_ray(setup.replace(workload=two), Strategy("fusion", "fifo"), 0, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", "resnet81", "e.model: no model 'resnet81' .* 'resnet18'"),
        ("model", "stand-inn", "e.model: no model 'stand-inn' .* 'stand-in'"),
        ("arrival_s", 5.0, "e.arrival_s: a real run begins when its experiment arrives; set it to 0"),
        ("gang", 2, "e.gang: a real trial trains on one worker"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(key: str, value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        run_on_ray(small_scenario(**{key: value}), Strategy("fusion", "fifo"), 0, tmp_path)


def test_the_backend_does_not_import_torch_by_itself() -> None:
    code = "import sys, real.tune.run; print('torch' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert output.stdout.strip() == "False"


def test_luck_of_pbt_is_its_own() -> None:
    import random

    one, other = LentGenerator(7), LentGenerator(7)
    with one.drawn():
        drawn = [random.random(), random.random()]
    with other.drawn():
        again = [random.random()]
    random.random()  # as Tune does in between
    with other.drawn():
        again.append(random.random())
    assert drawn == again
