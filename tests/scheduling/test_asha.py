"""Asynchronous successive halving, on rungs computed by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hetsched import scheduling
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import Event, Parts, SegmentEnded, SegmentStarted, TrialCompleted, WorkerJoined
from hetsched.core.state import State
from hetsched.domain.cluster import Node, NodeId, cpu_worker
from hetsched.domain.metric import Metric
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment, ExperimentId
from hetsched.errors import InputError
from hetsched.scheduling.stopping.asha import rungs_of
from tests.conftest import NO_OVERHEADS, ROWS, Simulate, make_setup

PARTS = Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
Scores = Callable[[int, int], float | None]
"""The score of a trial, by its number, after so many iterations."""

LOSS = Metric("loss", "min")


def experiment(population: int = 9, stop: int = 90, interval: int | None = 10, **changes: object) -> Experiment:
    basic: dict[str, Any] = {"stop_score": None, "pbt": None, "search_space": {}, "checkpoint_interval": interval}
    name, batches = ExperimentId("e"), (32,)
    return Experiment(name, "resnet18", "cifar10", batches, population, stop, **(basic | changes))


class OneWorker:
    """A run on a single worker with made-up scores: trials and segments by their numbers, in
    order."""

    def __init__(self, experiment: Experiment, scores: Scores, options: Mapping[str, int]) -> None:
        self.state = State()
        self.events: list[Event] = []
        self._scores = scores
        self._options = options
        self._times = StepTimes(ROWS)
        self.new_policy()
        self._dispatcher.record(WorkerJoined(0.0, cpu_worker(Node(NodeId("n"), 1), 0, 1)))
        self._dispatcher.arrive(0.0, experiment, seed=0)

    def new_policy(self) -> None:
        policy = scheduling.policies.create("asha", self._options)
        listen = lambda _, event: self.events.append(event)  # noqa: E731
        self._dispatcher = Dispatcher(self.state, policy, "asha", self._times, listeners=[listen])

    def run(self, segments: int = 1000) -> None:
        for _ in range(segments):
            for start in self._dispatcher.dispatch(self.state.now).starts:
                trial = self.state.trials[start.trial]
                score = self._scores(trial.index, trial.iterations + start.iterations)
                ended = SegmentEnded(
                    self.state.now + 1, trial.id, self.state.running[trial.id].worker, start.iterations, score, PARTS
                )
                self._dispatcher.end_segment(ended, lambda trial: None)

    @property
    def segments(self) -> list[tuple[int, int]]:
        """Trial and iterations, of every segment."""
        starts = [event for event in self.events if isinstance(event, SegmentStarted)]
        return [(self.state.trials[event.trial].index, event.iterations) for event in starts]

    @property
    def done(self) -> list[int]:
        return [trial.iterations for trial in self.state.trials.values()]

    @property
    def reasons(self) -> dict[int, str]:
        completed = [event for event in self.events if isinstance(event, TrialCompleted)]
        return {self.state.trials[event.trial].index: event.reason for event in completed}


def run(experiment: Experiment, scores: Scores, **options: int) -> OneWorker:
    made = OneWorker(experiment, scores, options)
    made.run()
    assert made.state.finished
    return made


AT_10 = [0.1, 0.2, 0.9, 0.3, 0.4, 0.8, 0.5, 0.6, 0.7]
AT_30 = {2: 0.91, 5: 0.95, 8: 0.93}


def nine_three_one(trial: int, iterations: int) -> float:
    return AT_10[trial] if iterations <= 10 else AT_30[trial]


def one_less(scores: Callable[[int, int], float]) -> Scores:
    """The losses to these accuracies."""
    return lambda trial, iterations: 1 - scores(trial, iterations)


def test_nine_trials_then_three_then_one() -> None:
    # Rungs at 10, 30 and 90. Of the first three at 10, floor(3 / 3) = 1 goes on: trial 2. After six it is two: 2 and
    # 5; after nine three: 2, 5 and 8. Of these three, at 30, trial 5 is the best.
    made = run(experiment(), nine_three_one)
    assert made.segments == [
        *[(0, 10), (1, 10), (2, 10)],
        *[(2, 10), (2, 10)],  # a promotion comes before a new trial, in intervals of 10
        *[(3, 10), (4, 10), (5, 10)],
        *[(5, 10), (5, 10)],
        *[(6, 10), (7, 10), (8, 10)],
        *[(8, 10), (8, 10)],
        *[(5, 10)] * 6,
    ]
    assert made.done == [10, 10, 30, 10, 10, 90, 10, 10, 30]
    places_at_10 = {0: 9, 1: 8, 3: 7, 4: 6, 6: 5, 7: 4}
    assert made.reasons == {
        trial: f"stopped by asha: rank {place} of 9 at rung 0 (10 iterations), the best 3 go on"
        for trial, place in places_at_10.items()
    } | {
        2: "stopped by asha: rank 3 of 3 at rung 1 (30 iterations), the best 1 go on",
        8: "stopped by asha: rank 2 of 3 at rung 1 (30 iterations), the best 1 go on",
        5: "90 iterations",
    }


def test_losers_are_stopped_as_soon_as_nothing_can_change_their_rung() -> None:
    made = OneWorker(experiment(), nine_three_one, {})
    made.run(13)  # the last of the nine has reached 10
    assert made.reasons == {}
    made.run(1)  # trial 8 was promoted, the third of three
    assert sorted(made.reasons) == [0, 1, 3, 4, 6, 7]
    made.run(2)  # it has reached 30, and trial 5 goes on
    assert sorted(made.reasons) == [0, 1, 2, 3, 4, 6, 7, 8]


def test_what_was_promoted_too_early_stays_promoted() -> None:
    # floor(3 / 3) = floor(5 / 3) = 1: of three trials the best is 2 (0.5), of five 4 (0.8). floor(8 / 3) = 2: 7 (0.9)
    # and 4. floor(9 / 3) = 3: 7, 4 and 8 (0.7). So four trials reach 30, where floor(3 / 3) = floor(4 / 3) = 1 goes on:
    # of the first three, 2 (0.5 against 0.4 and 0.4), of all four, 8 (0.6).
    first = [0.3, 0.1, 0.5, 0.2, 0.8, 0.4, 0.35, 0.9, 0.7]
    second = {2: 0.5, 4: 0.4, 7: 0.4, 8: 0.6}
    made = run(experiment(), lambda trial, done: first[trial] if done <= 10 else second[trial])
    assert made.done == [10, 10, 90, 10, 30, 10, 10, 30, 90]


def test_equal_scores_are_taken_in_the_order_of_the_trials() -> None:
    made = run(experiment(), lambda trial, done: 0.1)
    assert made.done == [90, 30, 30, 10, 10, 10, 10, 10, 10]


def test_of_losses_the_smallest_go_on() -> None:
    # The scores of the first test, from 1 down: the same trials go on in the same order.
    accuracies, losses = run(experiment(), nine_three_one), run(experiment(metric=LOSS), one_less(nine_three_one))
    assert losses.segments == accuracies.segments
    assert losses.done == [10, 10, 30, 10, 10, 90, 10, 10, 30]
    assert losses.reasons == accuracies.reasons


def test_a_loss_that_is_low_enough_keeps_its_place() -> None:
    made = run(
        experiment(stop_score=0.01, metric=LOSS),
        lambda trial, done: 0.0 if trial == 5 else one_less(nine_three_one)(trial, done),
    )
    assert made.reasons[5] == "loss <= 0.01"
    assert made.done == [10, 10, 30, 10, 10, 10, 10, 10, 30]


@pytest.mark.parametrize("metric", [Metric(), LOSS])
def test_scores_that_are_not_known_rank_last_in_the_order_of_the_trials(metric: Metric) -> None:
    made = run(experiment(metric=metric), lambda trial, done: None)
    assert made.done == [90, 30, 30, 10, 10, 10, 10, 10, 10]
    made = run(experiment(3, metric=metric), lambda trial, done: 0.5 if trial == 2 else None)
    assert made.done == [10, 10, 90]


def test_a_trial_that_reaches_the_target_keeps_its_place() -> None:
    # Trial 5 is done at 10 iterations. It stays one of the best three of nine, so only two others go on, too few for
    # a promotion from 30: floor(2 / 3) = 0.
    made = run(experiment(stop_score=0.99), lambda trial, done: 1.0 if trial == 5 else nine_three_one(trial, done))
    assert made.reasons[5] == "accuracy >= 0.99"
    assert made.done == [10, 10, 30, 10, 10, 10, 10, 10, 30]


def test_segments_end_at_rungs() -> None:
    # Rungs at 7, 21 and 90, intervals of 10: from 7 to 21 in 10 + 4, from 21 to 90 in 6 x 10 + 9.
    made = run(experiment(), lambda trial, done: -trial, grace_iterations=7)
    assert [iterations for trial, iterations in made.segments if trial == 0] == [7, 10, 4, *[10] * 6, 9]


def test_independent_trials_without_checkpoints_train_from_rung_to_rung() -> None:
    # No interval: r = 90 / 3^2 = 10, and a promotion is one segment.
    made = run(experiment(interval=None), nine_three_one)
    assert [iterations for trial, iterations in made.segments if trial == 5] == [10, 20, 60]


@pytest.mark.parametrize(
    ("population", "stop", "interval", "eta", "grace", "rungs"),
    [
        (9, 90, 10, 3, None, [10, 30, 90]),
        (20, 1000, 50, 3, None, [50, 150, 1000]),  # floor(log_3 20) = 2 promotions
        (100, 1000, 50, 3, None, [50, 150, 1000]),  # 450 x 3 > 1000, so the top is 1000 and not 450
        (16, 80, 10, 2, None, [10, 20, 40, 80]),
        (2, 90, 10, 3, None, [90]),  # too few to halve
        (9, 20, 10, 3, None, [20]),  # 10 x 3 > 20
        (9, 100, None, 3, None, [11, 33, 100]),  # 100 // 9
        (9, 90, 10, 3, 5, [5, 15, 90]),
        (9, 90, 10, 3, 500, [90]),
    ],
)
def test_rungs(population: int, stop: int, interval: int | None, eta: int, grace: int | None, rungs: list[int]) -> None:
    assert rungs_of(experiment(population, stop, interval), eta, grace) == rungs


@pytest.mark.parametrize("segments", range(1, 21))
def test_a_policy_that_takes_over_a_run_goes_on_from_there(segments: int) -> None:
    made = OneWorker(experiment(), nine_three_one, {})
    made.run(segments)
    made.new_policy()
    made.run()
    assert made.done == [10, 10, 30, 10, 10, 90, 10, 10, 30]


def test_an_experiment_that_arrives_later_has_rungs_of_its_own(simulate_log: Simulate) -> None:
    basic = {"pbt": {"enabled": False}, "stop_iterations": 90, "population": 9, "checkpoint_interval": 10}
    late = {"name": "late", "arrival_s": 500.0, **basic}
    setup = make_setup(overheads=NO_OVERHEADS, experiments=[{"name": "early", **basic}, late])
    events = simulate_log(setup, "fusion+asha")
    for name in ("early", "late"):
        reasons = [e.reason for e in events if isinstance(e, TrialCompleted) and e.trial.startswith(name)]
        assert len(reasons) == 9
        assert "90 iterations" in reasons


def test_populations_under_pbt_are_halved_too(simulate_log: Simulate) -> None:
    setup = make_setup(population=9, stop_iterations=90)
    completed = [e for e in simulate_log(setup, "fusion+asha") if isinstance(e, TrialCompleted)]
    stopped = [e for e in completed if e.reason.startswith("stopped by asha")]
    assert len(completed) == 9
    assert 1 <= len(completed) - len(stopped) < 9


@pytest.mark.parametrize("options", [{"reduction_factor": 1}, {"reduction_factor": 2.5}, {"grace_iterations": 0}])
def test_wrong_options_are_named(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        scheduling.policies.create("asha", options)
