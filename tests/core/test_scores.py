"""What the state makes of scores: the best one in the direction of the metric, further metrics, and
none at all."""

from math import inf
from typing import Any

import pytest

from hetsched.core.events import (
    CheckpointLost,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentStarted,
    TrialAdded,
    TrialExploited,
    WorkerJoined,
)
from hetsched.core.state import State
from hetsched.core.view import StateView
from hetsched.domain.cluster import Node, NodeId, cpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import ExperimentId, TrialId
from tests.conftest import ROWS, make_setup

WORKER = cpu_worker(Node(NodeId("a"), 1), 0, 1)
OTHER = cpu_worker(Node(NodeId("b"), 1), 0, 1)
ONE, TWO = TrialId("e-0"), TrialId("e-1")
LOSS = {"name": "loss", "mode": "min"}


def begun(**changes: Any) -> State:
    state = State()
    [experiment] = make_setup(population=2, stop_iterations=100, **changes).workload.experiments
    for worker in (WORKER, OTHER):
        state.apply(WorkerJoined(0.0, worker))
    state.apply(ExperimentArrived(0.0, experiment))
    for trial in experiment.trial_ids():
        state.apply(TrialAdded(0.0, trial, experiment.id, 32, {}))
    return state


def segment(state: State, trial: TrialId, score: float | None, **metrics: float | None) -> None:
    state.apply(SegmentStarted(state.now, trial, WORKER.id, 10))
    parts = Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    state.apply(SegmentEnded(state.now + 1, trial, WORKER.id, 10, score, parts, metrics=metrics))


@pytest.mark.parametrize(("changes", "best"), [({}, 0.7), ({"metric": LOSS}, 0.4)])
def test_the_best_score_is_that_of_the_metrics_direction(changes: dict[str, Any], best: float) -> None:
    state = begun(**changes)
    assert state.best_score == {"e": None} and state.trials[ONE].best_score is None
    for score in (0.5, None, 0.7, 0.4):
        segment(state, ONE, score)
    assert state.trials[ONE].best_score == state.best_score[ExperimentId("e")] == best
    assert state.trials[ONE].score == 0.4


def test_a_trial_stops_at_a_loss_that_is_low_enough() -> None:
    state = begun(metric=LOSS, stop_score=0.5)
    reasons = []
    for score in (0.7, None, 0.5, 0.3):
        segment(state, ONE, score)
        reasons.append(state.stop_reason(state.trials[ONE]))
    assert reasons == [None, None, "loss <= 0.5", "loss <= 0.5"]


def test_a_trial_that_has_trained_has_a_state_whether_it_has_a_score_or_not() -> None:
    state = begun(evaluation_images=0)
    assert not state.must_restore(state.trials[ONE], OTHER.id)
    segment(state, ONE, None)
    assert state.must_restore(state.trials[ONE], OTHER.id)
    assert not state.must_restore(state.trials[ONE], WORKER.id)
    state.apply(CheckpointLost(state.now, ONE, 0, None, "a test"))
    assert not state.must_restore(state.trials[ONE], OTHER.id)


def test_further_metrics_are_those_of_the_weights() -> None:
    state = begun()
    segment(state, ONE, 0.9, loss=0.2, top5=None)
    segment(state, TWO, 0.1, loss=2.0, top5=0.5)
    assert dict(state.trials[ONE].metrics) == {"loss": 0.2, "top5": None}
    state.apply(TrialExploited(state.now, TWO, ONE, {}))
    assert dict(state.trials[TWO].metrics) == {"loss": 0.2, "top5": None}
    state.apply(CheckpointLost(state.now, TWO, 0, None, "a test"))
    assert not state.trials[TWO].metrics


@pytest.mark.parametrize(("changes", "rank"), [({}, 0.25), ({"metric": LOSS}, -0.25)])
def test_policies_see_ranks_of_which_the_larger_is_the_better(changes: dict[str, Any], rank: float) -> None:
    state = begun(**changes)
    segment(state, ONE, 0.25)
    view = StateView(state, StepTimes(ROWS))
    assert [view.rank(trial) for trial in state.trials.values()] == [rank, -inf]
