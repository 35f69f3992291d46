"""check_log finds each kind of damage, and nothing in logs as they are written."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from hetsched.core.events import (
    Event,
    ExperimentArrived,
    Parts,
    RunStarted,
    SegmentEnded,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.running_segments import RAY_TUNE
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.testing import check_log
from tests.conftest import Simulate, make_setup
from tests.counting import calls_of

Damage = Callable[[list[Event]], None]


@pytest.fixture
def log(simulate_log: Simulate) -> list[Event]:
    """Six trials on two workers, with exploits."""
    return simulate_log(make_setup(population=6), "fusion+least-progress", 1)


def first(events: list[Event], kind: type[Event]) -> int:
    return next(number for number, event in enumerate(events) if isinstance(event, kind))


def changed(kind: type[Event], **fields: object) -> Damage:
    """The first event of that kind has other values."""

    def damage(events: list[Event]) -> None:
        number = first(events, kind)
        events[number] = replace(events[number], **fields)

    return damage


def dropped(kind: type[Event]) -> Damage:
    def damage(events: list[Event]) -> None:
        del events[first(events, kind)]

    return damage


def written_twice(kind: type[Event]) -> Damage:
    def damage(events: list[Event]) -> None:
        number = first(events, kind)
        events.insert(number, events[number])

    return damage


def on_the_same_worker(events: list[Event]) -> None:
    starts = [number for number, event in enumerate(events) if isinstance(event, SegmentStarted)][:2]
    one, other = (events[number] for number in starts)
    assert isinstance(one, SegmentStarted)
    events[starts[1]] = replace(other, worker=one.worker)


def goes_on_after_its_end(events: list[Event]) -> None:
    events.append(WorkerLeft(events[-1].time, WorkerId("a/cpu0"), "the node failed"))


def leaves_while_it_trains(events: list[Event]) -> None:
    number = first(events, SegmentStarted)
    started = events[number]
    assert isinstance(started, SegmentStarted)
    events.insert(number + 1, WorkerLeft(started.time, started.worker, "the node failed"))


def trained_after_its_end(events: list[Event]) -> None:
    done = events[first(events, TrialCompleted)]
    assert isinstance(done, TrialCompleted)
    start = next(e for e in events if isinstance(e, SegmentStarted) and e.trial == done.trial)
    events.insert(-1, replace(start, time=events[-1].time))


def test_a_log_as_it_is_written_passes_and_so_does_every_beginning_of_it(log: list[Event]) -> None:
    assert any(isinstance(event, TrialExploited) for event in log)
    assert check_log(log).ended == "completed"
    for end in range(len(log)):
        check_log(log[:end])


def by_ray_tune(events: list[Event]) -> None:
    changed(RunStarted, backend=RAY_TUNE)(events)


def test_a_training_of_ray_tunes_ends_its_segments_by_itself(log: list[Event]) -> None:
    """With more iterations where it can be saved, with fewer where it is over; but not with fewer
    and then goes on."""
    by_ray_tune(log)
    changed(SegmentEnded, iterations=11)(log)
    end = log[first(log, SegmentEnded)]
    assert isinstance(end, SegmentEnded)
    starts = [n for n, event in enumerate(log) if isinstance(event, SegmentStarted) and event.trial == end.trial]
    check_log(log[: starts[1]])
    changed(SegmentEnded, iterations=3)(log)
    check_log(log[: starts[1]])
    with pytest.raises(AssertionError, match="ends 3 iterations, and started 10"):
        check_log(log[: starts[1] + 1])


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (changed(TrialCompleted, time=0.0), r"line \d+ of the log: time goes back from .* to 0.0"),
        (changed(SegmentEnded, iterations=3), r"e-\d ends 3 iterations, and started 10"),
        (changed(SegmentEnded, worker="b/cpu9"), r"e-\d runs on .*, not 'b/cpu9'"),
        (changed(SegmentStarted, iterations=21), r"e-\d starts 21 iterations, 20 remain"),
        (changed(SegmentStarted, worker="c/cpu0"), r"e-\d starts on 'c/cpu0', which is not there"),
        (changed(SegmentStarted, trial="x-0"), r"x-0: no such trial"),
        (changed(TrialExploited, source="x-0"), r"e-\d exploits x-0, no such trial"),
        (dropped(WorkerJoined), r"starts on '.*', which is not there"),
        (dropped(SegmentStarted), r"e-\d starts segment 2, expected 1"),
        (changed(SegmentStarted, segment=7), r"e-\d starts segment 7, expected 1"),
        (changed(SegmentEnded, segment=7), r"e-\d runs segment \d, not 7"),
        (written_twice(SegmentEnded), r"e-\d is not running"),
        (dropped(SegmentEnded), r"e-\d (is running|starts on .*, which trains e-\d)"),
        (written_twice(SegmentStarted), r"e-\d is running"),
        (written_twice(TrialCompleted), r"e-\d is completed twice"),
        (written_twice(WorkerJoined), r"a/cpu0 joins, and has joined already"),
        (written_twice(ExperimentArrived), r"e arrives twice"),
        (written_twice(TrialAdded), r"e-0 is added twice"),
        (dropped(ExperimentArrived), r"e-0 is of e, no such experiment"),
        (goes_on_after_its_end, r"WorkerLeft after the end of the run, which was not resumed"),
        (leaves_while_it_trains, r"/cpu0 leaves, and trains e-\d"),
        (on_the_same_worker, r"e-\d starts on '.*', which trains e-\d"),
        (trained_after_its_end, r"e-\d is completed"),
    ],
)
def test_damage_is_found_and_named(log: list[Event], damage: Damage, found: str) -> None:
    damage(log)
    with pytest.raises(AssertionError, match=found):
        check_log(log)


def test_a_log_of_four_times_the_workers_takes_four_times_as_long() -> None:
    """It took sixteen times as long: every start looked at all that ran. A run that goes on checks
    its whole log."""

    def calls(workers: int) -> int:
        [experiment] = make_setup(population=workers, stop_iterations=20).workload.experiments
        trials = [(trial, WorkerId(f"n/cpu{number}")) for number, trial in enumerate(experiment.trial_ids())]
        events: list[Event] = [WorkerJoined(0.0, Worker(worker, NodeId("n"), "cpu", 1)) for _, worker in trials]
        events.append(ExperimentArrived(0.0, experiment))
        events += [TrialAdded(0.0, trial, experiment.id, 32, {}) for trial, _ in trials]
        for time in (0.0, 1.0):
            starts = [
                SegmentStarted(time, trial, worker, 10, segment=int(time) * workers + number)
                for number, (trial, worker) in enumerate(trials, start=1)
            ]
            parts = Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
            events += starts
            events += [SegmentEnded(time + 1, s.trial, s.worker, 10, 0.1, parts, segment=s.segment) for s in starts]
        return calls_of(lambda: check_log(events))

    assert calls(400) < 5 * calls(100)
