"""What runs on a worker is found without a look at all that runs."""

from hetsched.core.events import (
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.running_segments import RunningSegments
from hetsched.core.segments_of_workers import SegmentsOfWorkers
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.workload import TrialId
from hetsched.testing import check_log
from tests.conftest import make_setup
from tests.counting import calls_of, steps_of

A, B = WorkerId("a/cpu0"), WorkerId("b/cpu0")


def test_the_first_segment_of_a_worker_is_the_earliest_that_still_runs() -> None:
    running = SegmentsOfWorkers()
    one, two = (SegmentStarted(0.0, TrialId(f"e-{n}"), A, 10, segment=n + 1, package=1) for n in range(2))
    gang = SegmentStarted(0.0, TrialId("e-2"), B, 10, segment=3, others=(A,))
    for segment in (one, two, gang):
        running.start(segment)
    assert running.first(A) is one and running.first(B) is gang
    assert running.end(one.trial) is one and running.first(A) is two
    assert running.end(two.trial) is two and running.first(A) is gang
    assert one.trial not in running and gang.trial in running
    assert running.end(gang.trial) is gang and running.first(A) is running.first(B) is running.end(one.trial) is None


def packages(number: int) -> list[Event]:
    """Each of the workers carries out a package of two trials, and leaves."""
    [experiment] = make_setup(population=2 * number, stop_iterations=20).workload.experiments
    trials = experiment.trial_ids()
    workers = [WorkerId(f"n/cpu{one}") for one in range(number)]
    events: list[Event] = [WorkerJoined(0.0, Worker(worker, NodeId("n"), "cpu", 1)) for worker in workers]
    events.append(ExperimentArrived(0.0, experiment))
    events += [TrialAdded(0.0, trial, experiment.id, 32, {}) for trial in trials]
    starts = [
        SegmentStarted(0.0, trial, workers[place // 2], 10, segment=place + 1, package=place // 2 * 2 + 1)
        for place, trial in enumerate(trials)
    ]
    parts, turns = Parts(0.0, 0.0, 0.5, 0.0, 0.0, 0.0), ((0.5, 1.0), (0.0, 0.5))  # of even numbers, of odd ones
    ends = [
        SegmentEnded(1.0, s.trial, s.worker, 10, 0.1, parts, segment=s.segment, worked=turns[s.segment % 2])
        for s in starts
    ]
    return [*events, *starts, *ends, *(WorkerLeft(2.0, worker, "the end") for worker in workers)]


def test_the_check_of_a_log_of_packages_takes_as_long_as_the_log() -> None:
    """The end of each segment of a package looked at all that ran."""
    few, many = packages(50), packages(200)
    check_log(few)
    assert steps_of(lambda: check_log(many)) < 4.5 * steps_of(lambda: check_log(few))


def test_who_reads_that_a_worker_left_looks_at_that_worker_only() -> None:
    def calls(number: int) -> int:
        segments = RunningSegments()
        for one in range(number):
            start = SegmentStarted(0.0, TrialId(f"e-{one}"), WorkerId(f"n/cpu{one}"), 10, segment=one + 1)
            assert segments.fault(start) is None
        assert segments.fault(SegmentLost(1.0, start.trial, start.worker, "it broke", segment=number)) is None
        left = WorkerLeft(1.0, start.worker, "it broke")
        return calls_of(lambda: segments.fault(left))

    assert calls(100) == calls(10)
