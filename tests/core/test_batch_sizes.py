"""The batch size as a hyperparameter: it decides a trial's kind, and so how long its iterations
take."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.analysis.bounds import jct_bound, jobs_done, makespan_bound, worker_devices
from hetsched.analysis.bounds_groups import Job
from hetsched.analysis.metrics import Metrics, measure
from hetsched.core.decisions import Dispatch
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentStarted,
    TrialAdded,
    TrialExploited,
    WorkerJoined,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State, state_of
from hetsched.core.view import StateView
from hetsched.domain.cluster import Node, NodeId, cpu_worker
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy, profiled_workers
from hetsched.scenario.scenario import Setup
from hetsched.scheduling.planning.group_plan import make_group_plan
from hetsched.scheduling.queueing.fifo import Fifo
from hetsched.scheduling.shares.gavel_las import GavelLas
from hetsched.testing import check_log
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, Simulate, make_setup, profile_row

SECONDS = {32: 4.0, 64: 6.0, 128: 10.0}
"""Seconds of an iteration on a core, by batch size."""

ROWS = [
    profile_row(cores=cores, seconds=seconds / cores, batch_size=size, noise_cv=0.0)
    for size, seconds in SECONDS.items()
    for cores in (1, 2)
]
LR = {"low": 0.001, "high": 0.1, "scale": "log"}
W = cpu_worker(Node(NodeId("a"), 1), 0, 1)


def searching(batch_size: Any, rows: Any = ROWS, **experiment: Any) -> Setup:
    return make_setup(
        rows=rows,
        overheads=NO_OVERHEADS,
        **{"batch_size": 512, "search_space": {"lr": LR, "batch_size": batch_size}, **experiment},
    )


def kind(size: int) -> TrialKind:
    return TrialKind("resnet18", "cifar10", size)


CHOICES = {"choices": [32, 64, 128], "ordered": True}

# What a scenario says of it.


def test_the_trials_are_dealt_evenly_among_the_values_for_all_that_plans_ahead() -> None:
    [experiment] = searching(CHOICES, population=7).workload.experiments
    assert experiment.kinds == {kind(32): 3, kind(64): 2, kind(128): 2}
    [few] = searching({"low": 8, "high": 64, "step": 8, "integer": True}, population=2).workload.experiments
    assert few.kinds == {kind(8 * n): int(n in (1, 5)) for n in range(1, 9)}
    assert searching({"choices": [32]}).workload.experiments[0].kinds == {kind(32): 4}


def test_a_trial_begins_with_the_size_that_is_drawn_for_it() -> None:
    setup = searching(CHOICES, population=20)
    [experiment] = setup.workload.experiments
    drawn = experiment.initial_hyperparameters(seed=3)
    state = Course(setup, seed=3).state
    assert {trial.kind.batch_size for trial in state.trials.values()} == {32, 64, 128}
    assert all(trial.kind == kind(drawn[name]["batch_size"]) for name, trial in state.trials.items())


@pytest.mark.parametrize(
    ("batch_size", "experiment", "told"),
    [
        ({"low": 32, "high": 512}, {}, "search_space.batch_size: expected whole numbers: set integer = true"),
        ({"low": 0, "high": 64, "step": 32, "integer": True}, {}, "expected whole numbers of at least 1, got 0"),
        ({"choices": [32, "64"]}, {}, "expected whole numbers of at least 1, got '64'"),
        ({"low": 32, "high": 512, "integer": True}, {}, "481 values, .* give it a step, or list at most 64 choices"),
        (
            {"low": 32, "high": 128, "step": 32, "integer": True},
            {"pbt": {"bounds": "ray"}},
            'pbt.bounds = "ray" leads out of its range',
        ),
    ],
)
def test_what_no_profile_could_cover_is_refused(batch_size: Any, experiment: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        searching(batch_size, **experiment)


def test_a_size_is_said_once() -> None:
    with pytest.raises(InputError, match=r"batch_size: search_space.batch_size says it, too: leave one of them out"):
        make_setup(batch_size=64, search_space={"lr": LR, "batch_size": CHOICES})


def test_rays_bounds_are_for_sizes_that_stay_in_a_list_or_are_not_changed() -> None:
    searching(CHOICES, pbt={"bounds": "ray"})
    span = {"low": 32, "high": 128, "step": 32, "integer": True}
    searching(span, pbt={"bounds": "ray", "mutate": ["lr"]})
    searching(span, pbt={"bounds": "ray", "enabled": False})


def test_a_size_that_the_profile_lacks_is_told_before_anything_runs() -> None:
    setup = searching({"choices": [32, 64, 8192]}, rows=ROWS, population=2)
    with pytest.raises(InputError, match="batch 8192"):
        profiled_workers(setup, parse_strategy("fusion+fifo"))


# What becomes of a trial.


class Course:
    """A run on one core, of which a test decides everything. A segment of ten iterations takes what
    it should."""

    def __init__(self, setup: Setup, seed: int = 0, sizes: tuple[int, ...] = ()) -> None:
        self.setup = setup
        self.events: list[Event] = []
        self.dispatcher = Dispatcher(State(), Fifo(), "fifo", setup.times, listeners=[self._listen])
        self.dispatcher.record(WorkerJoined(0.0, W))
        [experiment] = setup.workload.experiments
        if not sizes:
            self.dispatcher.arrive(0.0, experiment, seed)
            return
        self.dispatcher.record(ExperimentArrived(0.0, experiment))
        for trial, size in zip(experiment.trial_ids(), sizes, strict=True):
            self.dispatcher.record(TrialAdded(0.0, trial, experiment.id, size, {"lr": 0.1, "batch_size": size}))

    def _listen(self, state: State, event: Event) -> None:
        self.events.append(event)

    @property
    def state(self) -> State:
        return self.dispatcher.state

    def train(self, index: int, copies: int | None = None, size: int = 0, iterations: int = 10) -> None:
        name, state = TrialId(f"e-{index}"), self.state
        seconds = iterations * SECONDS[state.trials[name].kind.batch_size]
        self.dispatcher.record(SegmentStarted(state.now, name, W.id, iterations, segment=state.started + 1))
        parts = Parts(0.0, 0.0, seconds, 0.0, 0.0, 0.0)
        ended = SegmentEnded(state.now + seconds, name, W.id, iterations, 0.5, parts)
        exploit = None if copies is None else (TrialId(f"e-{copies}"), {"lr": 0.1, "batch_size": size})
        self.dispatcher.end_segment(ended, lambda _: exploit)

    def lose(self, index: int, iterations: int) -> None:
        self.dispatcher.record(CheckpointLost(self.state.now, TrialId(f"e-{index}"), iterations, 0.5, "a test"))

    def done(self, index: int) -> dict[int, int]:
        by_kind = self.state.trials[TrialId(f"e-{index}")].trained_by_kind
        return {kind.batch_size: iterations for kind, iterations in by_kind.items()}

    def measure(self) -> Metrics:
        return measure(self.events, self.setup)


def two_trials(**experiment: Any) -> Course:
    return Course(searching(CHOICES, population=2, stop_iterations=40, **experiment), sizes=(32, 64))


def test_a_copy_goes_on_with_the_size_that_pbt_gave_it() -> None:
    course = two_trials()
    course.train(0)
    course.train(1, copies=0, size=128)
    course.train(1)
    trial = course.state.trials[TrialId("e-1")]
    assert (trial.kind, trial.iterations, trial.hyperparameters["batch_size"]) == (kind(128), 20, 128)
    assert course.done(1) == {64: 10, 128: 10}
    assert [event.time for event in course.events if isinstance(event, SegmentEnded)] == [40.0, 100.0, 200.0]
    assert check_log(course.events).snapshot() == course.state.snapshot() == state_of(course.events).snapshot()


def test_a_log_with_a_size_that_nobody_may_have_is_refused() -> None:
    course = two_trials()
    course.train(0)
    copied = TrialExploited(40.0, TrialId("e-0"), TrialId("e-1"), {"lr": 0.1, "batch_size": 48})
    with pytest.raises(AssertionError, match="e-0 has a batch size of 48, expected one of 32, 64, 128"):
        check_log([*course.events, copied])
    experiment = ExperimentId("e")
    with pytest.raises(AssertionError, match="e-7 has a batch size of 16"):
        check_log([*course.events, TrialAdded(40.0, TrialId("e-7"), experiment, 16, {"lr": 0.1, "batch_size": 16})])


def test_what_is_lost_with_a_checkpoint_is_what_was_trained_last() -> None:
    course = two_trials()
    course.train(0)
    course.train(1, copies=0, size=128)
    course.train(1)
    course.train(1, copies=0, size=32)
    course.train(1, iterations=5)
    assert course.done(1) == {64: 10, 128: 20, 32: 5}
    course.lose(1, 20)
    assert course.done(1) == {64: 10, 128: 10}, "it trains on with the size that it has"
    course.train(1, iterations=5)
    assert course.done(1) == {64: 10, 128: 10, 32: 5}
    course.lose(1, 0)
    assert course.done(1) == {32: 0}


def test_bounds_and_figures_count_iterations_by_kind() -> None:
    """40 iterations of one trial, 10 as each kind and 10 more; 10 of the other: 4 s, 6 s and 10 s
    each on a core."""
    course = two_trials()
    course.train(0)
    course.train(1, copies=0, size=128)
    course.train(1, copies=0, size=32)
    course.train(1)
    course.train(1)
    found = course.measure()
    work_s = 10 * 4 + 10 * 6 + 10 * 10 + 20 * 4
    assert found.iterations == 50
    assert found.makespan_s == found.workers_bound_s == pytest.approx(work_s)
    assert found.mean_jct_s == pytest.approx(work_s)
    assert found.jct_bound_s == pytest.approx(work_s - 40), "the one completed trial, alone on the core"


def test_one_trial_of_many_kinds_is_one_job_in_the_bound_on_completion_times() -> None:
    """Two trials of 20 iterations on one core. One trains half as 32, half as 128: 140 s; the other
    as 64: 120 s. Of one machine, the shorter one is best done first: (120 + 260) / 2. Three jobs
    could end at 40, 140 and 260 s."""
    course = two_trials()
    course.train(0, copies=1, size=128)
    course.train(0)
    course.train(1)
    course.train(1)
    single, mixed = jobs_done(course.state, course.state.trials.values())
    like = Job(kind(64), 20, longest_segment=10, evaluation_images=100)
    assert single == {like: 1}
    halves = (like._replace(kind=kind(size), iterations=10) for size in (32, 128))
    assert mixed == (dict.fromkeys(halves, 1),)
    devices = worker_devices([W])
    assert jct_bound(single, devices, course.setup.times, mixed=mixed) == pytest.approx((120 + 260) / 2)
    assert makespan_bound(jobs_done(course.state, course.state.trials.values()).parts, devices, course.setup.times) == (
        pytest.approx(260)
    )


# Simulations.


def seconds_of(events: list[Any], cores: dict[str, int]) -> None:
    """Every segment takes what iterations of the size that its trial has then take there."""
    size: dict[str, int] = {}
    for event in events:
        if isinstance(event, TrialAdded):
            assert event.batch_size == event.hyperparameters["batch_size"]
        if isinstance(event, TrialAdded | TrialExploited):
            size[event.trial] = event.hyperparameters["batch_size"]
        elif isinstance(event, SegmentEnded):
            expected = event.iterations * SECONDS[size[event.trial]] / cores[event.worker]
            assert event.parts.train_s == pytest.approx(expected)


@given(
    seed=st.integers(0, 5),
    population=st.integers(2, 8),
    iterations=st.sampled_from(["own", "lineage"]),
    choices=st.sampled_from([CHOICES, {"choices": [128, 32]}, {"low": 32, "high": 64, "step": 32, "integer": True}]),
    strategy=st.sampled_from(
        ["fusion+fifo", "fusion+lookahead", "fusion+gavel-las", "fusion+sia", "fusion+srtf", "fusion+hypersched"]
    ),
)
def test_steps_take_as_long_as_the_size_of_the_moment_and_bounds_hold(
    seed: int, population: int, iterations: str, choices: Any, strategy: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pbt = {"perturbation_interval": 10, "quantile_fraction": 0.5, "iterations": iterations}
    setup = searching(choices, population=population, stop_iterations=60, pbt=pbt)
    folder = tmp_path_factory.mktemp("run")
    outcome = simulate(setup, parse_strategy(strategy), seed, folder)
    events = list(read_log(folder / LOG_NAME))
    assert check_log(events).snapshot() == outcome.state.snapshot()
    seconds_of(events, {"a/cpu0": 1, "b/cpu0": 2})
    found = measure(events, setup)
    assert found.workers_bound_ratio is not None and found.workers_bound_ratio >= 1 - 1e-6
    assert found.jct_bound_ratio is not None and found.jct_bound_ratio >= 1 - 1e-6
    by_kind = [trial.trained_by_kind.values() for trial in outcome.state.trials.values()]
    assert found.iterations == sum(map(sum, by_kind))
    assert found.iterations == sum(event.iterations for event in events if isinstance(event, SegmentEnded))


def test_a_constant_size_in_the_search_space_is_as_one_beside_it(simulate_log: Simulate) -> None:
    def course(setup: Setup) -> list[tuple[float, str]]:
        return [(e.time, e.trial) for e in simulate_log(setup, "fusion+hrfs", 1) if isinstance(e, SegmentEnded)]

    inside = searching({"choices": [64]}, population=6, stop_iterations=100)
    beside = make_setup(
        rows=ROWS, overheads=NO_OVERHEADS, population=6, stop_iterations=100, batch_size=64, search_space={"lr": LR}
    )
    assert not inside.workload.experiments[0].changes_kinds
    assert len(course(inside)) == len(course(beside)) > 30
    seconds = [e.parts.train_s / e.iterations for e in simulate_log(inside) if isinstance(e, SegmentEnded)]
    assert set(seconds) == {6.0, 3.0}


def test_rounds_book_what_was_trained_at_the_speed_of_the_size_that_it_had() -> None:
    """A trial trains 10 iterations of 4 s, and is of size 128 then: what fits into the 100 s of the
    round at 4 s an iteration would take 250 s at 10 s. It gets what fits into the rest of the
    round."""
    policy = GavelLas(round_s=100.0)
    setup = searching(CHOICES, population=1, stop_iterations=1000)
    course = Course(setup, sizes=(32,))
    view = StateView(course.state, setup.times)
    [first] = policy.dispatch(view)
    assert isinstance(first, Dispatch) and first.iterations == 10, "an interval"
    course.train(0)
    trial = course.state.trials[TrialId("e-0")]
    changed = {"lr": 0.1, "batch_size": 128}
    course.state.trials[trial.id] = trial.copying(trial, changed, kind(128), takes_count=False)
    course.state.ready.replace(course.state.trials[trial.id])
    [second] = policy.dispatch(view)
    assert isinstance(second, Dispatch) and second.iterations == 6, "60 s are left of the round"


def test_a_plan_is_made_anew_when_a_trial_has_become_one_of_another_kind() -> None:
    course = two_trials()
    view = StateView(course.state, course.setup.times)
    plan = make_group_plan(view)
    course.train(0)
    assert plan.kinds == {"e-0": kind(32), "e-1": kind(64)}
    assert not plan._replace(renew_at=1e9).is_outdated(view)
    course.train(1, copies=0, size=128)
    assert plan._replace(renew_at=1e9).is_outdated(view)
    assert make_group_plan(view).kinds[TrialId("e-1")] == kind(128)
