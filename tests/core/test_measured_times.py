"""The step times that a run has measured, as policies see them."""

from typing import Any

import pytest

from hetsched.core.events import ExperimentArrived, Parts, SegmentEnded, SegmentStarted, TrialAdded, WorkerJoined
from hetsched.core.state import State
from hetsched.core.trial import Timing
from hetsched.core.view import StateView
from hetsched.domain.cluster import NodeId, Worker, WorkerId, gpu_workers
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.workload import ExperimentId, TrialId
from tests.conftest import make_setup, profile_row

BY_PROFILE = {1: 8.0, 2: 4.0, 4: 2.0}
"""Seconds per iteration by gang size."""


@pytest.fixture
def after_a_gang_of_four() -> tuple[State, StateView, list[Worker]]:
    """Ten iterations of a gang of 4 took 3 s each, and not 2 s as by the profile."""
    node = {"name": "g", "cores": 4, "gpus": 4, "gpu_type": "v100"}
    gangs = [{"name": f"of-{gang}", "gang": gang, "population": 1} for gang in BY_PROFILE]
    rows = [profile_row("v100", seconds=seconds, gpu_share=float(gang)) for gang, seconds in BY_PROFILE.items()]
    setup = make_setup([node], rows, experiments=gangs)
    state, workers = State(), gpu_workers(setup.cluster.nodes[0])
    for worker in workers:
        state.apply(WorkerJoined(0.0, worker))
    for experiment in setup.workload.experiments:
        state.apply(ExperimentArrived(0.0, experiment))
        state.apply(TrialAdded(0.0, TrialId(f"{experiment.id}-0"), ExperimentId(experiment.id), 32, {}))
    first, *others = (worker.id for worker in workers)
    state.apply(SegmentStarted(0.0, TrialId("of-4-0"), first, 10, tuple(others)))
    state.apply(SegmentEnded(30.0, TrialId("of-4-0"), first, 10, 0.5, Parts(0.0, 0.0, 30.0, 0.0, 0.0, 0.0)))
    return state, StateView(state, StepTimes(rows)), workers


Seen = tuple[State, StateView, list[Worker]]


def test_a_gangs_step_time_is_not_taken_for_that_of_a_single_trial(after_a_gang_of_four: Seen) -> None:
    state, view, workers = after_a_gang_of_four
    for worker in workers:
        found = {gang: view.seconds_per_iteration(state.trials[TrialId(f"of-{gang}-0")], worker) for gang in BY_PROFILE}
        # What was measured, and the others by their profile, corrected by the same ratio: 1.5.
        assert found == pytest.approx({1: 12.0, 2: 6.0, 4: 3.0})


def test_all_workers_of_a_gang_have_finished_its_segment(after_a_gang_of_four: Seen) -> None:
    _, view, workers = after_a_gang_of_four
    expected: dict[WorkerId, Timing] = {worker.id: Timing(10, 30.0) for worker in workers}
    assert dict(view.first_segments) == expected


def test_a_running_gang_starts_up_and_restores_as_any_of_its_workers_must() -> None:
    node = {"name": "g", "cores": 3, "gpus": 3, "gpu_type": "v100"}
    costs: dict[str, Any] = {"start_up_s": 7.0, "restore_s": 2.0, "checkpoint_s": 0.0, "seconds_per_iteration": 1.0}
    rows = [profile_row("v100", gpu_share=2.0, **costs)]
    setup = make_setup([node], rows, gang=2, population=1, evaluation_images=0)
    state, [experiment] = State(), setup.workload.experiments
    view, workers = StateView(state, StepTimes(rows)), gpu_workers(setup.cluster.nodes[0])
    for worker in workers:
        state.apply(WorkerJoined(0.0, worker))
    state.apply(ExperimentArrived(0.0, experiment))
    state.apply(TrialAdded(0.0, TrialId("e-0"), experiment.id, 32, {}))
    a, b, c = (worker.id for worker in workers)
    expected = []
    for number, (first, other) in enumerate([(a, b), (b, a), (a, c), (a, b)]):
        start = SegmentStarted(100.0 * number, TrialId("e-0"), first, 5, (other,))
        expected.append((view.expected_end(start) or 0.0) - start.time)
        state.apply(start)
        state.apply(SegmentEnded(start.time + 5, start.trial, first, 5, 0.5, Parts(0.0, 0.0, 5.0, 0.0, 0.0, 0.0)))
    assert expected == pytest.approx([12.0, 5.0, 14.0, 7.0])


def ended_on_two_workers(rows: list[ProfileRow]) -> tuple[State, StateView]:
    """Two trials on two workers; the second segment of one of them was restored on the other
    worker."""
    setup = make_setup([{"name": name, "cores": 1} for name in "ab"], rows, population=2)
    state, [experiment] = State(), setup.workload.experiments
    for name in "ab":
        state.apply(WorkerJoined(0.0, Worker(WorkerId(f"{name}/cpu0"), NodeId(name), "cpu", 1)))
    state.apply(ExperimentArrived(0.0, experiment))
    for trial in experiment.trial_ids():
        state.apply(TrialAdded(0.0, trial, experiment.id, 32, {}))
    at, one = WorkerId("a/cpu0"), experiment.trial_ids()[0]
    state.apply(SegmentStarted(0.0, one, at, 10))
    state.apply(SegmentEnded(20.0, one, at, 10, 0.5, Parts(5.0, 0.0, 10.0, 2.0, 1.0, 2.0)))
    at = WorkerId("b/cpu0")
    state.apply(SegmentStarted(20.0, one, at, 10))
    state.apply(SegmentEnded(40.0, one, at, 10, 0.5, Parts(4.0, 2.0, 10.0, 0.0, 3.0, 1.0)))
    return state, StateView(state, StepTimes(rows))


def test_costs_of_which_no_profile_tells_are_learnt_while_a_run_goes() -> None:
    row = profile_row("cpu", cores=1).model_copy(update={"restore_s": None, "checkpoint_s": None, "start_up_s": 7.0})
    state, view = ended_on_two_workers([row])
    costs = view.costs(state.trials[TrialId("e-0")], state.workers[WorkerId("a/cpu0")])
    # A restore took 4 + 2 s, the ends of both segments 1 + 2 and 3 + 1 s. What the profile tells stays.
    assert (costs.restore_s, costs.checkpoint_s, costs.start_up_s) == (6.0, 3.5, 7.0)


def test_costs_of_a_profile_stay() -> None:
    row = profile_row("cpu", cores=1).model_copy(update={"restore_s": 0.25, "checkpoint_s": 0.5})
    state, view = ended_on_two_workers([row])
    costs = view.costs(state.trials[TrialId("e-0")], state.workers[WorkerId("a/cpu0")])
    assert (costs.restore_s, costs.checkpoint_s) == (0.25, 0.5)
