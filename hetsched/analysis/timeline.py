"""The timeline of a run, from its log: stretches of time on workers, and the events between
them."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from hetsched.core.events import (
    CheckpointLost,
    Event,
    Parts,
    RunResumed,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialCompleted,
    TrialExploited,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
    WorkerSlowed,
)
from hetsched.core.state import State
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.workload import TrialId

ENDED, LOST, RUNNING = 0, 1, 2
"""The states of a segment."""


class TimedSegment(NamedTuple):
    """A segment. It trains from `train_from_s` to `train_to_s` seconds. The time before and after
    is overhead. For a segment that did not end, the place of the overhead is unknown. `total` is
    the trial's count at the end, and `iterations` the segment's own."""

    number: int
    trial: TrialId
    workers: tuple[WorkerId, ...]
    start_s: float
    end_s: float
    train_from_s: float
    train_to_s: float
    iterations: int
    total: int
    score: float | None
    state: int


Kind = Literal["joined", "left", "draining", "slowed", "recovered", "lost", "checkpoint-lost", "resumed", "completed"]


class Happening(NamedTuple):
    """An event of a worker, a trial or the run, in words that do not name it."""

    time_s: float
    kind: Kind
    text: str
    worker: WorkerId | None = None
    trial: TrialId | None = None


class Timeline:
    """Follows a run. Call it with the state and every event, after the event was applied to the
    state.

    `workers` are all that ever joined. `exploits` are PBT's, in the order of time.
    """

    def __init__(self) -> None:
        self.workers: dict[WorkerId, Worker] = {}
        self.exploits: list[TrialExploited] = []
        self.happenings: list[Happening] = []
        self._over: list[TimedSegment] = []
        self._running: dict[TrialId, SegmentStarted] = {}

    def __call__(self, state: State, event: Event) -> None:
        handle = _HANDLERS.get(type(event))
        if handle is not None:
            handle(self, state, event)

    def segments(self, state: State) -> list[TimedSegment]:
        """The segments so far, in the order of their starts. A running one ends now."""
        running = (self._cut(state, start, RUNNING) for start in self._running.values())
        return sorted([*self._over, *running], key=lambda segment: segment.number)

    @property
    def lanes(self) -> list[Worker]:
        """All workers. Workers of one node are adjacent."""
        nodes: dict[NodeId, list[Worker]] = {}
        for worker in self.workers.values():
            nodes.setdefault(worker.node, []).append(worker)
        return [worker for of_node in nodes.values() for worker in of_node]

    def _cut(self, state: State, start: SegmentStarted, how: int) -> TimedSegment:
        """A segment that did not end, up to the present time."""
        number, trial, begun, now = start.segment, start.trial, start.time, state.now
        total = state.trials[trial].iterations
        return TimedSegment(number, trial, start.workers, begun, now, begun, now, start.iterations, total, None, how)

    def _note(self, event: Event, kind: Kind, text: str) -> None:
        worker, trial = getattr(event, "worker", None), getattr(event, "trial", None)
        self.happenings.append(Happening(event.time, kind, text, worker, trial))

    # One method an event type that matters.

    def _worker_joined(self, state: State, event: WorkerJoined) -> None:
        worker = event.worker
        if event.time or worker.id in self.workers:  # those of the beginning are no news
            self.happenings.append(Happening(event.time, "joined", "", worker.id))
        self.workers[worker.id] = worker

    def _worker_left(self, state: State, event: WorkerLeft) -> None:
        self._note(event, "left", event.reason)

    def _worker_draining(self, state: State, event: WorkerDraining) -> None:
        self._note(event, "draining", f"until {event.until:,.1f} s: {event.reason}")

    def _worker_slowed(self, state: State, event: WorkerSlowed) -> None:
        if event.factor == 1:
            self._note(event, "recovered", "as fast as it should be")
        else:
            self._note(event, "slowed", f"{event.factor:.3g} x as long")

    def _segment_started(self, state: State, event: SegmentStarted) -> None:
        self._running[event.trial] = event

    def _segment_ended(self, state: State, event: SegmentEnded) -> None:
        start = self._running.pop(event.trial)
        begun_s, done_s = event.worked or (start.time, event.time)
        train_from_s, train_to_s = _training(begun_s, done_s, event.parts)
        self._over.append(
            TimedSegment(
                event.segment,
                event.trial,
                start.workers,
                begun_s,
                done_s,
                train_from_s,
                train_to_s,
                event.iterations,
                state.trials[event.trial].iterations,
                event.score,
                ENDED,
            )
        )

    def _segment_lost(self, state: State, event: SegmentLost) -> None:
        self._over.append(self._cut(state, self._running.pop(event.trial), LOST))
        self._note(event, "lost", event.reason)

    def _checkpoint_lost(self, state: State, event: CheckpointLost) -> None:
        self._note(event, "checkpoint-lost", f"falls back to {event.iterations:,} iterations: {event.reason}")

    def _trial_exploited(self, state: State, event: TrialExploited) -> None:
        self.exploits.append(event)

    def _trial_completed(self, state: State, event: TrialCompleted) -> None:
        self._note(event, "completed", event.reason)

    def _run_resumed(self, state: State, event: RunResumed) -> None:
        self._note(event, "resumed", event.reason)


_HANDLERS: Mapping[type[Event], Callable[[Timeline, State, Any], None]] = {
    WorkerJoined: Timeline._worker_joined,
    WorkerLeft: Timeline._worker_left,
    WorkerDraining: Timeline._worker_draining,
    WorkerSlowed: Timeline._worker_slowed,
    SegmentStarted: Timeline._segment_started,
    SegmentEnded: Timeline._segment_ended,
    SegmentLost: Timeline._segment_lost,
    CheckpointLost: Timeline._checkpoint_lost,
    TrialExploited: Timeline._trial_exploited,
    TrialCompleted: Timeline._trial_completed,
    RunResumed: Timeline._run_resumed,
}


def _training(start_s: float, end_s: float, parts: Parts) -> tuple[float, float]:
    """The start and the end of training within the segment."""
    begun_s = min(start_s + parts.start_up_s + parts.restore_s, end_s)
    return begun_s, min(begun_s + parts.train_s, end_s)
