"""Segments and happenings of a log, by hand and against the log of a simulation with faults."""

from collections.abc import Iterable

from hetsched.analysis.timeline import ENDED, LOST, RUNNING, Happening, TimedSegment, Timeline
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    Parts,
    RunResumed,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
    WorkerSlowed,
)
from hetsched.core.state import State
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.workload import Experiment, ExperimentId, TrialId

A, B, GPU = WorkerId("a/cpu0"), WorkerId("b/cpu0"), WorkerId("a/gpu0")
ONE, TWO = TrialId("one"), TrialId("two")
OF = ExperimentId("e")
EXPERIMENT = Experiment(OF, "resnet18", "cifar10", (32,), 2, 100, None, None, {}, gang=2)


def worker(name: WorkerId, device: str = "cpu") -> Worker:
    return Worker(name, NodeId(name[0]), device, 2, 0.0 if device == "cpu" else 1.0)


BEGIN: list[Event] = [
    WorkerJoined(0.0, worker(A)),
    WorkerJoined(0.0, worker(B)),
    WorkerJoined(0.0, worker(GPU, "k80")),
    ExperimentArrived(1.0, EXPERIMENT),
    TrialAdded(1.0, ONE, OF, 32, {}),
    TrialAdded(1.0, TWO, OF, 32, {}),
]


def followed(events: Iterable[Event]) -> tuple[Timeline, State]:
    timeline, state = Timeline(), State()
    for event in events:
        state.apply(event)
        timeline(state, event)
    return timeline, state


def test_a_segment_trains_after_its_start_up_and_before_the_rest() -> None:
    parts = Parts(start_up_s=1.0, restore_s=2.0, train_s=10.0, evaluate_s=3.0, checkpoint_s=0.5, dispatch_s=0.5)
    timeline, state = followed(
        [
            *BEGIN,
            SegmentStarted(2.0, ONE, A, 50, (B,), 1),
            SegmentEnded(19.0, ONE, A, 50, 0.5, parts, segment=1),
        ]
    )
    assert timeline.segments(state) == [TimedSegment(1, ONE, (A, B), 2.0, 19.0, 5.0, 15.0, 50, 50, 0.5, ENDED)]


def test_training_stays_within_the_segment() -> None:
    parts = Parts(3.0, 0.0, 9.0, 0.0, 0.0, 0.0)
    timeline, state = followed(
        [*BEGIN, SegmentStarted(2.0, ONE, A, 50, (), 1), SegmentEnded(12.0, ONE, A, 50, None, parts, segment=1)]
    )
    [segment] = timeline.segments(state)
    assert (segment.train_from_s, segment.train_to_s) == (5.0, 12.0)


def test_lost_and_running_segments_are_in_the_order_of_their_starts() -> None:
    timeline, state = followed(
        [
            *BEGIN,
            SegmentStarted(2.0, ONE, A, 50, (), 1),
            SegmentStarted(3.0, TWO, B, 50, (), 2),
            SegmentLost(5.0, TWO, B, "it broke", 2),
            SegmentStarted(6.0, TWO, GPU, 50, (), 3),
            WorkerSlowed(8.0, B, 1.5),
        ]
    )
    assert [(s.number, s.trial, s.end_s, s.state) for s in timeline.segments(state)] == [
        (1, ONE, 8.0, RUNNING),
        (2, TWO, 5.0, LOST),
        (3, TWO, 8.0, RUNNING),
    ]


def test_lanes_of_one_node_follow_each_other() -> None:
    timeline, _ = followed(BEGIN)
    assert [lane.id for lane in timeline.lanes] == [A, GPU, B]


def test_what_happened_is_said_without_names() -> None:
    timeline, _ = followed(
        [
            *BEGIN,
            SegmentStarted(2.0, ONE, A, 50, (), 1),
            WorkerDraining(3.0, B, 1234.5, "reclaimed"),
            SegmentLost(4.0, ONE, A, "node gone", 1),
            CheckpointLost(4.0, ONE, 0, None, "it was on the node"),
            WorkerLeft(5.0, B, "reclaimed"),
            WorkerJoined(6.0, worker(B)),
            WorkerSlowed(7.0, A, 2.0),
            WorkerSlowed(8.0, A, 1.0),
            RunResumed(9.0, "killed", log_version=4),
            TrialCompleted(10.0, TWO, "stopped by the policy"),
        ]
    )
    assert timeline.happenings == [
        Happening(3.0, "draining", "until 1,234.5 s: reclaimed", B),
        Happening(4.0, "lost", "node gone", A, ONE),
        Happening(4.0, "checkpoint-lost", "falls back to 0 iterations: it was on the node", None, ONE),
        Happening(5.0, "left", "reclaimed", B),
        Happening(6.0, "joined", "", B),
        Happening(7.0, "slowed", "2 x as long", A),
        Happening(8.0, "recovered", "as fast as it should be", A),
        Happening(9.0, "resumed", "killed"),
        Happening(10.0, "completed", "stopped by the policy", None, TWO),
    ]


def test_who_comes_before_anything_trains_is_told_too() -> None:
    timeline, _ = followed(
        [
            *BEGIN,
            WorkerLeft(1.0, B, "spot"),
            WorkerJoined(2.0, worker(B)),
            WorkerJoined(3.0, worker(WorkerId("c/cpu0"))),
            SegmentStarted(4.0, ONE, A, 50, (), 1),
        ]
    )
    assert timeline.happenings == [
        Happening(1.0, "left", "spot", B),
        Happening(2.0, "joined", "", B),
        Happening(3.0, "joined", "", WorkerId("c/cpu0")),
    ]
