"""HyperSched: what it does with little time and with workers to spare, computed by hand."""

from typing import Any

import pytest

from hetsched import scheduling
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import Event, Parts, SegmentEnded, SegmentStarted, TrialCompleted, WorkerDraining
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.scheduling.stopping.hypersched import Milestone
from hetsched.studies.beginning import begin
from tests.conftest import NO_OVERHEADS, Simulate, make_setup, profile_row

ONE_WORKER = [{"name": "a", "cores": 4}]  # 1 s an iteration, 10 s a segment
FOUR_WORKERS = [
    {"name": "slow", "cores": 1},
    {"name": "slower", "cores": 1, "pace": 1.25},
    {"name": "k", "cores": 1, "gpus": 1, "gpu_type": "k80"},
    {"name": "v", "cores": 1, "gpus": 1, "gpu_type": "v100"},
]
"""An iteration takes 4 s, 5 s, 0.5 s and 0.1 s by FOUR_ROWS."""
FOUR_ROWS = [profile_row(seconds=4.0), profile_row("k80", seconds=0.5), profile_row("v100", seconds=0.1)]


def starts(events: list[Event]) -> list[tuple[float, str, str, int]]:
    return [(e.time, e.trial, e.worker, e.iterations) for e in events if isinstance(e, SegmentStarted)]


def ends(events: list[Event]) -> dict[str, tuple[float, str]]:
    """When and why each trial was completed."""
    return {e.trial: (e.time, e.reason) for e in events if isinstance(e, TrialCompleted)}


class Run:
    """A run whose segments end when, and with the score that, a test says."""

    def __init__(self, setup: Setup, **options: Any) -> None:
        self.state = State()
        policy = scheduling.policies.create("hypersched", options)
        self.times = setup.charged_times
        self.dispatcher = Dispatcher(self.state, policy, "hypersched", self.times)
        strategy = Strategy("fusion", "hypersched")
        begin(self.dispatcher, "test", setup, strategy, 0, setup.workers(strategy))
        for experiment in setup.workload.experiments:
            self.dispatcher.arrive(0.0, experiment, 0)
        self.dispatcher.dispatch(0.0)

    def end(self, time: float, trial: str, score: float | None) -> None:
        """The trial's segment ends, and the policy decides."""
        segment = self.state.running[TrialId(trial)]
        seconds = self.times.seconds_per_iteration(
            self.state.trials[segment.trial].kind, self.state.workers[segment.worker].type
        )
        assert seconds is not None
        parts = Parts(0.0, 0.0, segment.iterations * seconds, 0.0, 0.0, 0.0)  # workers are as fast as they should be
        ended = SegmentEnded(time, segment.trial, segment.worker, segment.iterations, score, parts)
        self.dispatcher.end_segment(ended, lambda trial: None)
        self.dispatcher.dispatch(time)

    @property
    def places(self) -> dict[str, str]:
        """The worker of each trial that runs."""
        return {trial: segment.worker for trial, segment in sorted(self.state.running.items())}

    @property
    def completed(self) -> list[str]:
        return sorted(trial.id for trial in self.state.trials.values() if trial.completed is not None)


LOSS = {"name": "loss", "mode": "min"}


def with_options(setup: Setup, **options: Any) -> Setup:
    return setup.replace(scheduling={"hypersched": options})


def test_without_a_deadline_trials_keep_their_workers_to_the_end(simulate_log: Simulate) -> None:
    setup = make_setup(ONE_WORKER, overheads=NO_OVERHEADS, population=2)
    events = simulate_log(setup, "fusion+hypersched")
    assert starts(events) == [
        (0.0, "e-0", "a/cpu0", 10),
        (10.0, "e-0", "a/cpu0", 10),
        (20.0, "e-1", "a/cpu0", 10),
        (30.0, "e-1", "a/cpu0", 10),
    ]
    assert {reason for _, reason in ends(events).values()} == {"20 iterations"}


def test_no_trial_starts_that_could_not_be_trained_to_the_end(simulate_log: Simulate) -> None:
    # A trial takes 20 iterations x 1 s, and eta x 20 s is more. At 20 s, 30 s are left: enough. At 40 s, 10 s are left:
    # not enough, and trials that have not started are stopped.
    setup = make_setup(ONE_WORKER, overheads=NO_OVERHEADS, population=4)
    events = simulate_log(with_options(setup, deadline_s=50.0), "fusion+hypersched")
    assert [(time, trial) for time, trial, _, _ in starts(events)] == [
        (0.0, "e-0"),
        (10.0, "e-0"),
        (20.0, "e-1"),
        (30.0, "e-1"),
    ]
    late = (40.0, "stopped by hypersched: 10.0 s are left, a trial that waits needs 20.0 s")
    assert [ends(events)[trial] for trial in ("e-2", "e-3")] == [late, late]


@pytest.mark.parametrize(("deadline_s", "completed"), [(55.0, ["e-0"]), (54.0, ["e-0", "e-1"])])
def test_a_new_trial_needs_eta_times_what_the_longest_has_trained(deadline_s: float, completed: list[str]) -> None:
    # A trial takes 100 x 1 s. The first reaches its accuracy at 15 s, of which 5 s were start-up: 4 x 10 s are needed,
    # and 40 s or 39 s are left.
    overheads = NO_OVERHEADS | {"start_up": True}
    setup = make_setup(ONE_WORKER, overheads=overheads, population=2, stop_iterations=100, stop_score=0.9)
    run = Run(setup, deadline_s=deadline_s)
    run.end(15.0, "e-0", 0.95)
    assert run.completed == completed


def test_the_restore_after_another_trial_was_in_memory_is_no_part_of_what_a_trial_has_trained() -> None:
    # e-0 trains on a until 20 s, then e-2 until 30 s, then e-0 again: 6 s of restore and 10 s. e-0 has trained for
    # 30 s, so others need 2 x 30 s, and 66 s are left.
    overheads = NO_OVERHEADS | {"restore": True}
    rows = [profile_row(cores=4, seconds=1.0, restore_s=6.0)]
    run = Run(halving(rows=rows, overheads=overheads, stop_iterations=1000), eta=2.0, deadline_s=112.0)
    run.end(10.0, "e-0", 0.3)
    run.end(10.1, "e-1", 0.5)
    run.end(20.0, "e-0", 0.3)  # below the median of 0.3 and 0.5: a new trial takes the worker
    assert run.places["e-2"] == "a/cpu0"
    run.end(30.0, "e-2", 0.1)  # the median is 0.3: e-0 goes on
    assert run.places["e-0"] == "a/cpu0"
    run.end(46.0, "e-0", 0.3)
    assert run.completed == []


def test_the_start_up_after_a_loss_is_no_part_of_what_a_trial_has_trained() -> None:
    # The process of a is killed at 15 s, after a segment, and starts up again: 5 s and 10 s. e-0 has trained for 20 s,
    # so new trials need 2 x 20 s, and 45 s are left.
    rows = [profile_row(cores=4, seconds=1.0)]
    overheads = NO_OVERHEADS | {"start_up": True}
    run = Run(halving(3, rows=rows, overheads=overheads, stop_iterations=1000), eta=2.0, deadline_s=75.0)
    run.end(15.0, "e-0", 0.5)
    run.dispatcher.lose_segment(15.0, TrialId("e-0"), "a test")
    run.dispatcher.dispatch(15.0)
    run.end(30.0, "e-0", 0.5)
    assert run.completed == []


def test_what_a_trial_has_waited_is_no_part_of_what_it_has_trained() -> None:
    # f-0 trains for 10 s on b, which is about to leave. The policy is asked next at 30 s. A new trial of f needs
    # 4 x 10 s, and 60 s are left.
    nodes = [{"name": "a", "cores": 4}, {"name": "b", "cores": 4}]
    experiments = [{"name": "e", "population": 1}, {"name": "f", "population": 2}]
    setup = make_setup(nodes, overheads=NO_OVERHEADS, experiments=[e | {"stop_iterations": 100} for e in experiments])
    run = Run(setup, deadline_s=90.0)
    assert run.places == {"e-0": "a/cpu0", "f-0": "b/cpu0"}
    run.dispatcher.record(WorkerDraining(1.0, run.state.running[TrialId("f-0")].worker, 60.0, "a test"))
    run.end(10.0, "f-0", 0.5)
    run.end(30.0, "e-0", 0.5)
    assert run.state.trials[TrialId("f-1")].completed is None


def test_the_last_segment_ends_at_the_deadline(simulate_log: Simulate) -> None:
    setup = make_setup(ONE_WORKER, overheads=NO_OVERHEADS, population=1)
    events = simulate_log(with_options(setup, deadline_s=15.0), "fusion+hypersched")
    assert starts(events) == [(0.0, "e-0", "a/cpu0", 10), (10.0, "e-0", "a/cpu0", 5)]
    assert ends(events) == {"e-0": (15.0, "stopped by hypersched: the deadline of 15 s has come")}


def test_where_no_iteration_fits_the_deadline_is_waited_for(simulate_log: Simulate) -> None:
    # A segment's checkpoint takes 0.25 s. At 10.25 s, 1.2 s are left: too little for an iteration and a checkpoint.
    overheads = NO_OVERHEADS | {"checkpoint": True}
    setup = make_setup(ONE_WORKER, overheads=overheads, population=1)
    events = simulate_log(with_options(setup, deadline_s=11.45), "fusion+hypersched")
    assert len(starts(events)) == 1
    [(time, _)] = ends(events).values()
    assert time == pytest.approx(11.45)


def halving(population: int = 4, **changes: Any) -> Setup:
    """Two equal workers of 1 s an iteration; trials of 40 iterations, with a score at each ten."""
    nodes = [{"name": "a", "cores": 4}, {"name": "b", "cores": 4}]
    independent = {"pbt": {"enabled": False}, "checkpoint_interval": 10, "stop_iterations": 40}
    return make_setup(nodes, population=population, **{"overheads": NO_OVERHEADS, **independent, **changes})


@pytest.mark.parametrize(("metric", "sign"), [({}, 1), (LOSS, -1)])
def test_trials_below_the_cutoff_of_a_milestone_make_room(metric: dict[str, str], sign: int) -> None:
    # For eta = 2 the milestones are at 10 and 20 iterations, and the cutoff is the median. The same in both directions.
    run = Run(halving(metric=metric), eta=2.0)
    assert run.places == {"e-0": "a/cpu0", "e-1": "b/cpu0"}
    run.end(10.0, "e-0", sign * 0.5)  # the only score at 10 iterations: it goes on
    run.end(10.1, "e-1", sign * 0.3)  # below the median of 0.3 and 0.5: it makes room for a new trial
    assert run.places == {"e-0": "a/cpu0", "e-2": "b/cpu0"}
    run.end(20.0, "e-0", sign * 0.6)
    run.end(20.1, "e-2", sign * 0.7)  # above the median of 0.3, 0.5 and 0.7, which e-0 is not below
    assert run.places == {"e-0": "a/cpu0", "e-2": "b/cpu0"}
    run.end(30.0, "e-0", sign * 0.6)
    run.end(30.1, "e-2", sign * 0.8)  # at 20 iterations: above the median of 0.6 and 0.8, which e-0 is below
    run.end(40.0, "e-0", sign * 0.6)  # its stop iteration
    assert run.places == {"e-2": "b/cpu0", "e-3": "a/cpu0"}
    run.end(50.0, "e-3", sign * 0.2)  # e-1 and e-3 are below the cutoff, and no other waits: the better one trains
    assert run.places == {"e-1": "a/cpu0", "e-2": "b/cpu0"}


@pytest.mark.parametrize(("metric", "score"), [({}, 0.1), (LOSS, 9.0)])
def test_a_trial_without_a_score_makes_room_where_another_has_one(metric: dict[str, str], score: float) -> None:
    run = Run(halving(metric=metric), eta=2.0)
    run.end(10.0, "e-0", score)
    run.end(10.1, "e-1", None)
    assert run.places == {"e-0": "a/cpu0", "e-2": "b/cpu0"}
    run.end(20.1, "e-2", None)  # most have none now: who has one goes on, and a new trial comes
    assert run.places == {"e-0": "a/cpu0", "e-3": "b/cpu0"}


def test_where_no_trial_has_a_score_none_makes_room() -> None:
    run = Run(halving(evaluation_images=0), eta=2.0)
    run.end(10.0, "e-0", None)
    run.end(10.1, "e-1", None)
    assert run.places == {"e-0": "a/cpu0", "e-1": "b/cpu0"}


def test_a_paused_trial_goes_on_when_the_cutoff_falls() -> None:
    run = Run(halving(), eta=2.0)
    run.end(10.0, "e-0", 0.5)
    run.end(10.1, "e-1", 0.3)  # below the median of 0.3 and 0.5
    run.end(20.1, "e-2", 0.1)  # the median of 0.1, 0.3 and 0.5 is 0.3: e-1 goes before the new trial
    assert run.places == {"e-0": "a/cpu0", "e-1": "b/cpu0"}


def test_paused_trials_are_stopped_when_no_new_one_may_start() -> None:
    # At 10.1 s the longest has trained for 10.1 s: eta x 10.1 = 20.2 s are needed.
    run = Run(halving(2), eta=2.0, deadline_s=30.0)
    run.end(10.0, "e-0", 0.5)
    run.end(10.1, "e-1", 0.3)
    assert run.completed == ["e-1"]
    assert run.places == {"e-0": "a/cpu0"}


def test_under_pbt_nothing_is_paused() -> None:
    run = Run(make_setup([{"name": "a", "cores": 4}, {"name": "b", "cores": 4}], population=3), eta=2.0)
    run.end(10.0, "e-0", 0.5)
    run.end(10.1, "e-1", 0.3)
    assert run.places == {"e-0": "a/cpu0", "e-1": "b/cpu0"}


def four_workers(population: int, **changes: Any) -> Setup:
    overheads = NO_OVERHEADS | {"restore": True, "start_up": True}
    experiment = {"population": population, "stop_iterations": 1000, "stop_score": 0.9} | changes
    return make_setup(FOUR_WORKERS, FOUR_ROWS, overheads, **experiment)


def test_new_trials_leave_the_slowest_workers_idle() -> None:
    assert Run(four_workers(2)).places == {"e-0": "v/gpu0", "e-1": "k/gpu0"}
    assert Run(four_workers(4)).places == {"e-0": "slower/cpu0", "e-1": "slow/cpu0", "e-2": "k/gpu0", "e-3": "v/gpu0"}


def after_two_have_left(**options: Any) -> Run:
    """e-0 trains on the slowest worker, for the second time and with the best score, e-1 on the
    next. Those on the K80 and the V100 have reached their accuracy."""
    run = Run(four_workers(4), **options)
    run.end(6.0, "e-3", 0.95)
    run.end(10.0, "e-2", 0.95)
    run.end(55.0, "e-0", 0.5)  # at this moment both are idle, and it takes the V100
    return run


def test_the_best_trial_moves_to_the_best_worker_that_is_left_over() -> None:
    for leftovers in ("uniform", "top"):
        run = after_two_have_left(leftovers=leftovers)
        assert run.places == {"e-0": "v/gpu0", "e-1": "slow/cpu0"}


@pytest.mark.parametrize(("leftovers", "place"), [("uniform", "k/gpu0"), ("top", "slow/cpu0")])
def test_the_next_best_moves_too_if_leftovers_are_dealt_out(leftovers: str, place: str) -> None:
    run = after_two_have_left(leftovers=leftovers)
    run.end(56.0, "e-1", 0.2)
    assert run.places == {"e-0": "v/gpu0", "e-1": place}


@pytest.mark.parametrize(("leftovers", "place"), [("uniform", "k/gpu0"), ("top", "slow/cpu0")])
def test_the_choice_of_a_better_trial_is_kept_for_it(leftovers: str, place: str) -> None:
    # e-0, the better one of those on the cores, is in its second segment when the V100 and the K80 become idle.
    run = Run(four_workers(4), leftovers=leftovers)
    run.end(50.0, "e-0", 0.5)
    run.end(60.0, "e-3", 0.95)
    run.end(61.0, "e-2", 0.95)
    run.end(62.0, "e-1", 0.2)
    assert run.places == {"e-0": "slower/cpu0", "e-1": place}
    run.end(100.0, "e-0", 0.5)
    assert run.places["e-0"] == "v/gpu0"


def core_and_k80(restore_s: float, stop_iterations: int) -> Setup:
    """e-0 on a core, at 5 s an iteration, and e-1 on a K80, at 4 s: one can gain a quarter."""
    nodes = [{"name": "a", "cores": 1}, {"name": "k", "cores": 1, "gpus": 1, "gpu_type": "k80"}]
    rows = [profile_row(seconds=5.0, restore_s=restore_s), profile_row("k80", seconds=4.0, restore_s=restore_s)]
    overheads = NO_OVERHEADS | {"restore": True}
    return make_setup(nodes, rows, overheads, population=2, stop_iterations=stop_iterations, stop_score=0.9)


@pytest.mark.parametrize(("deadline_s", "place"), [(56.7, "k/gpu0"), (56.6, "a/cpu0")])
def test_a_move_must_pay_in_the_time_that_is_left(deadline_s: float, place: str) -> None:
    # With t seconds left at 50 s and a restore of 0.8 s: 0.25 (t - 0.8) > 1.1 x 0.2 t for t > 0.2 / 0.03 = 6.67.
    run = Run(core_and_k80(0.8, 1000), deadline_s=deadline_s)
    run.end(40.0, "e-1", 0.95)
    run.end(50.0, "e-0", 0.5)
    assert run.places == {"e-0": place}


@pytest.mark.parametrize(("restore_s", "place"), [(5.9, "k/gpu0"), (6.1, "a/cpu0")])
def test_a_move_must_pay_for_what_is_left_to_train(restore_s: float, place: str) -> None:
    # Without a deadline. 10 iterations are left, which take 50 s on the core: 0.25 (50 - S) > 1.1 x 0.2 x 50 for S < 6.
    run = Run(core_and_k80(restore_s, 20))
    run.end(40.0, "e-1", 0.95)
    run.end(50.0, "e-0", 0.5)
    assert run.places == {"e-0": place}


@pytest.mark.parametrize(("option", "value"), [("deadline_s", 0.0), ("eta", 1.0), ("leftovers", "best"), ("gain", 0.5)])
def test_options_that_make_no_sense_are_named(option: str, value: object) -> None:
    with pytest.raises(InputError, match=f"'hypersched': {option}: expected"):
        scheduling.policies.create("hypersched", {option: value})


@pytest.mark.parametrize(("eta", "trials", "worst"), [(3.0, 10, 6), (1.5, 10, 3), (6.0, 7, 5), (4.0, 9, 6)])
def test_a_trial_at_the_percentile_goes_on(eta: float, trials: int, worst: int) -> None:
    """A trial is paused below the percentile only. With eta = 3 and ranks 0 to 9 the percentile is 6."""
    milestone = Milestone(1 - 1 / eta)
    for rank in range(trials):
        milestone.record(TrialId(str(rank)), float(rank))
    assert [rank for rank in range(trials) if milestone.pauses(TrialId(str(rank)))] == list(range(worst))
