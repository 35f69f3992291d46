"""How fast real workers trained against what was foretold: logs made by hand."""

from collections.abc import Iterable
from typing import Any, Literal

import pytest

from hetsched.analysis.step_times import WorkerSteps, pace_remarks, profile_remarks, worker_steps
from hetsched.core.events import (
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentStarted,
    TrialAdded,
    WorkerJoined,
)
from hetsched.domain.cluster import Node, NodeId, Worker, cpu_worker, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.scenario.tables import CheckpointsTable
from tests.conftest import Simulate, make_setup, profile_row

PACED = cpu_worker(Node(NodeId("p"), 1, pace=3.0), 0, 1)
ALONE = cpu_worker(Node(NodeId("a"), 1), 0, 1)
CROWDED = [cpu_worker(Node(NodeId("c"), 4), number, 2) for number in range(2)]
UNKNOWN = gpu_worker(Node(NodeId("g"), 1, 1, "v100"), 0, 1)
TIMES = StepTimes([profile_row(cores=1, seconds=0.2), profile_row(cores=2, seconds=0.1, sharing=1.5)])
ITERATIONS = 10


def log(
    workers: Iterable[Worker],
    *segments: tuple[Worker, float, float],
    start_up_s: float = 5.0,
    evaluate_s: float = 0.1,
    restore_s: float = 0.0,
    checkpoint_s: float = 0.0,
    batch_size: int = 32,
) -> list[Event]:
    """The log of one trial that goes through segments: worker, seconds of training, seconds late.
    By the profile they start up in 5 s and evaluate in 0.1 s."""
    [experiment] = make_setup(population=1, stop_iterations=1000).workload.experiments
    [trial] = experiment.trial_ids()
    events: list[Event] = [WorkerJoined(0.0, worker) for worker in workers]
    events += [ExperimentArrived(0.0, experiment), TrialAdded(0.0, trial, experiment.id, batch_size, {"lr": 0.1})]
    for worker, train_s, late_s in segments:
        events.append(SegmentStarted(0.0, trial, worker.id, ITERATIONS))
        parts = Parts(start_up_s, restore_s, train_s, evaluate_s, checkpoint_s, 0.0)
        events.append(SegmentEnded(0.0, trial, worker.id, ITERATIONS, 0.5, parts, late_s))
    return events


def steps(*segments: tuple[Worker, float, float]) -> list[WorkerSteps]:
    return worker_steps([log(dict.fromkeys([*CROWDED, *(worker for worker, *_ in segments)]), *segments)], TIMES)


def test_a_paced_worker_is_late_against_its_pace_whatever_the_profile_says() -> None:
    # 4 s are asked of each segment; the profile asks 6 s now.
    [found] = steps((PACED, 4.0, 0.0), (PACED, 4.2, 0.2), (PACED, 5.0, 1.0))
    assert (found.worker, found.paced, found.segments, found.late_segments) == ("1 cpu, paced x3", True, 3, 1)
    assert (found.late_s, found.least_s, found.most_s) == pytest.approx((1.2, 0.4, 0.4))
    assert found.measured_s == pytest.approx(0.44) and found.factor == pytest.approx(1.1)
    assert pace_remarks([found], 3.0) == [
        "1 cpu, paced x3: could not hold its pace in 1 of 3 segments, 1.2 s late in all: 0.44 s per iteration where "
        "0.4 s are asked (+10%)",
        "predictions by the profile are too low for this machine: set real.time_scale to at least 3.3, or run on a "
        "faster or idler machine",
    ]


def test_a_late_run_by_a_plan_is_not_told_to_set_a_scale() -> None:
    """The pace is what the plan measured. With the advised scale, the next run was as late."""
    found = steps((PACED, 5.0, 1.0), (PACED, 5.0, 1.0))
    [late, advice] = pace_remarks(found, 3.0, planned=True)
    assert "could not hold its pace in 2 of 2 segments" in late
    assert advice.startswith("the machine was faster when the plan measured it") and "--measure-again" in advice


def test_the_scale_that_is_advised_would_hold_for_the_slowest_worker_of_its_type() -> None:
    """It was the mean of the type: 1.5 where one of two workers was twice as slow."""
    other = cpu_worker(Node(NodeId("q"), 1, pace=3.0), 0, 1)
    segments = [(PACED, 4.0, 0.0), (other, 8.0, 4.0)] * 3
    [found] = worker_steps([log([PACED, other], *segments)], TIMES)
    assert (found.factor, found.slowest) == pytest.approx((1.5, 2.0))
    assert "set real.time_scale to at least 6," in pace_remarks([found], 3.0)[-1]
    held = worker_steps([log([PACED, other], *[(PACED, 4.0, 0.0)] * 39, (other, 8.0, 4.0))], TIMES)
    assert "set real.time_scale to at least 6," in pace_remarks(held, 3.0)[-1]


def test_the_scale_that_is_advised_would_hold_for_the_slowest_kind_of_trial() -> None:
    """It was the mean of a worker: 1.5 where one of two kinds was twice as slow."""
    held, late = log([PACED], (PACED, 4.0, 0.0)), log([PACED], (PACED, 8.0, 4.0), batch_size=64)
    [found] = worker_steps([held, late], TIMES)
    assert (found.factor, found.slowest) == pytest.approx((1.5, 2.0))
    assert "set real.time_scale to at least 6," in pace_remarks([found], 3.0)[-1]


def test_a_kind_that_hardly_trained_does_not_set_the_scale_that_is_advised() -> None:
    often = log([PACED], *[(PACED, 4.4, 0.4)] * 20)
    [found] = worker_steps([often, log([PACED], (PACED, 1.0, 0.8), batch_size=64)], TIMES)
    assert found.slowest == pytest.approx(1.1)


def test_of_a_worker_that_was_late_now_and_then_the_predictions_are_good() -> None:
    [told] = pace_remarks(steps((PACED, 4.4, 0.4), *[(PACED, 4.0, 0.0)] * 9), 3.0)
    assert "could not hold its pace in 1 of 10 segments" in told and told.endswith("(+1%)")


def test_a_remark_on_pace_gives_no_percentage_that_rounds_to_zero() -> None:
    """It ended in `0.4 s per iteration where 0.4 s are asked (+0%)`."""
    [told] = pace_remarks(steps((PACED, 4.4, 0.4), *[(PACED, 4.0, 0.0)] * 29), 3.0)
    assert told.endswith("in 1 of 30 segments, 0.4 s late in all: 0.401 s per iteration on average, as asked")


def test_a_worker_that_holds_its_pace_to_a_twentieth_is_not_told_of() -> None:
    found = steps((PACED, 4.2, 0.2), (PACED, 4.0, 0.0))
    assert pace_remarks(found, 3.0) == profile_remarks(found) == []


@pytest.mark.parametrize(("train_s", "factor"), [(2.19, None), (1.81, None), (3.6, "1.8 x"), (1.0, "0.5 x")])
def test_a_worker_without_a_pace_is_held_against_the_profile(train_s: float, factor: str | None) -> None:
    told = profile_remarks(steps((ALONE, train_s, 0.0)))
    if factor is None:
        assert told == []
    else:
        seconds = f"{train_s / ITERATIONS:.3g} s per iteration in 1 segment"
        assert told[0] == f"1 cpu: measured {factor} the profile's step, {seconds}"
        assert "run hetsched validate" in told[1]


@pytest.mark.parametrize(("train_s", "factor"), [(1.0, 1.0), (1.5, 1.0), (1.8, 1.2), (0.5, 0.5)])
def test_among_neighbours_steps_take_between_the_profiles_time_alone_and_shared(train_s: float, factor: float) -> None:
    [found] = steps((CROWDED[0], train_s, 0.0))
    assert (found.least_s, found.most_s) == pytest.approx((0.1, 0.15))
    assert found.factor == pytest.approx(factor)


def test_what_the_profile_does_not_know_is_not_judged_and_logs_are_taken_together() -> None:
    first, second = (log([ALONE, UNKNOWN], (ALONE, train_s, 0.0), (UNKNOWN, 1.0, 0.0)) for train_s in (2.0, 4.0))
    [found] = worker_steps([first, second], TIMES)
    assert (found.worker, found.segments) == ("1 cpu", 2)
    assert found.factor == pytest.approx(1.5)


def test_start_up_and_evaluation_are_held_against_the_profile_with_a_pace_or_without() -> None:
    segments = [(PACED, 4.0, 0.0), (ALONE, 2.0, 0.0)]
    slow = worker_steps([log([PACED, ALONE], *segments, start_up_s=5.5, evaluate_s=0.7)], TIMES)
    assert profile_remarks(slow)[:2] == [
        "1 cpu, paced x3: start-up and evaluation took 6.2 s in 1 segment, by the profile 5.1 s",
        "1 cpu: start-up and evaluation took 6.2 s in 1 segment, by the profile 5.1 s",
    ]
    assert "run hetsched validate" in profile_remarks(slow)[2]
    warm = worker_steps([log([PACED, ALONE], *segments, start_up_s=0.0, evaluate_s=0.2)], TIMES)
    assert profile_remarks(warm) == []


Place = Literal["storage", "object-store", "both"]


def kept(place: Place, restored_s: float, saved_s: float, **profile: float | None) -> list[str]:
    """What is said of a segment of 7.1 s beside its restore and checkpoint, by a profile of 0.5 s and
    0.25 s for files and a tenth of that for memory."""
    costs = {"restore_s": 0.5, "checkpoint_s": 0.25, "object_store_restore_s": 0.05, "object_store_save_s": 0.025}
    changes: dict[str, Any] = costs | profile
    events = log([ALONE], (ALONE, 2.0, 0.0), restore_s=restored_s, checkpoint_s=saved_s)
    times = StepTimes([profile_row(cores=1, seconds=0.2, **changes)])
    found = worker_steps([events], times, None, CheckpointsTable(place=place))
    assert profile_remarks(found, lost=True) == []
    return profile_remarks(found)[:1]


def test_restores_and_checkpoints_are_held_against_the_profile() -> None:
    """Slow storage made a run 2.5 times as long as foretold, without a word."""
    said = ["1 cpu: restores and checkpoints took 16.0 s in 1 segment, by the profile 0.8 s"]
    assert kept("storage", 8.0, 8.0) == said
    assert kept("storage", 0.5, 0.25) == []
    assert kept("both", 0.5, 0.025) == kept("both", 0.05, 0.025) == []  # from a file, from memory
    assert "took 2.0 s in 1 segment, by the profile 0.5 s" in kept("both", 0.05, 2.0)[0]
    assert kept("object-store", 2.05, 0.025, checkpoint_bytes=250_000_000) == []  # over the network in 2 s
    assert "by the profile 0.1 s" in kept("object-store", 2.05, 0.025)[0]


def test_a_restore_or_checkpoint_that_the_profile_lacks_is_not_compared() -> None:
    nothing = dict.fromkeys(("restore_s", "checkpoint_s", "object_store_restore_s", "object_store_save_s"))
    assert kept("storage", 8.0, 8.0, **nothing) == kept("both", 8.0, 8.0, **nothing) == []
    assert kept("storage", 8.0, 0.25, restore_s=None) == []
    assert "took 8.0 s in 1 segment, by the profile 0.2 s" in kept("storage", 8.0, 8.0, restore_s=None)[0]
    steps = worker_steps([log([ALONE], (ALONE, 2.0, 0.0), checkpoint_s=8.0)], TIMES)  # without a place
    assert profile_remarks(steps) == []


@pytest.mark.parametrize("place", ["storage", "object-store", "both"])
@pytest.mark.parametrize("cost", [{"state_growth": 0.1}, {"sharing": 1.5}], ids=["a state that grows", "neighbours"])
def test_a_run_that_lasts_as_long_as_its_profile_says_is_of_the_same_machine(
    cost: dict[str, Any], place: Place, simulate_log: Simulate
) -> None:
    """It was told that start-up and evaluation took too long."""
    nodes = [{"name": name, "cores": 2} for name in ("a", "b")]
    files: dict[str, Any] = {
        "restore_s": 40.0,
        "checkpoint_s": 20.0,
        "object_store_save_s": 1.0,
        "checkpoint_bytes": 10**10,
    }
    row = profile_row(noise_cv=0.0, evaluation_s_per_image=0.5, **files, **cost)
    checkpoints = CheckpointsTable(place=place)
    setup = make_setup(nodes, [row], population=6, stop_iterations=30).replace(checkpoints=checkpoints)
    found = worker_steps([simulate_log(setup, "uniform+fifo")], setup.times, None, checkpoints)
    assert [step.segments for step in found] == [18] and found[0].checkpoints_s > 0.1 * found[0].busy_s
    assert profile_remarks(found) == []
