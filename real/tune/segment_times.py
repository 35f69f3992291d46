"""How the seconds of a segment divide into parts."""

from hetsched.core.events import Parts
from hetsched.core.trial import Segment
from hetsched.domain.cluster import WorkerId
from real.tune.messages import SegmentResult


class SegmentTimes:
    """Splits a segment's seconds into parts, by its actor's report and the times at which the
    driver received messages."""

    def __init__(self) -> None:
        self._start_up_s: dict[WorkerId, float] = {}
        self._ended: dict[WorkerId, float] = {}

    def actor_is_ready(self, segment: Segment, now: float) -> None:
        """The worker's actor was started for this segment."""
        self._start_up_s[segment.worker] = now - segment.time

    def forget(self, worker: WorkerId) -> None:
        """The worker is gone with its actor, or its segment is lost. The seconds of the start-up
        belong to no later segment."""
        self._start_up_s.pop(worker, None)

    def parts(self, segment: Segment, now: float, result: SegmentResult) -> Parts:
        """The parts of a segment that ends now. All seconds that are neither start-up nor the
        actor's are dispatch.

        If a segment was decided on at the end of the worker's segment before, it waits until the
        state of that segment is handed over. This wait belongs to saving.
        """
        worker, checkpoint_s = segment.worker, result.checkpoint_s
        if segment.time == self._ended.get(worker):
            checkpoint_s += result.hand_over_s
        self._ended[worker] = now
        start_up_s = self._start_up_s.pop(worker, 0.0)
        known_s = start_up_s + result.restore_s + result.train_s + result.evaluate_s + checkpoint_s
        return Parts(
            start_up_s=start_up_s,
            restore_s=result.restore_s,
            train_s=result.train_s,
            evaluate_s=result.evaluate_s,
            checkpoint_s=checkpoint_s,
            dispatch_s=max(0.0, now - segment.time - known_s),
        )


def seconds_late(train_s: float, iterations: int, pace_s: float) -> float:
    """The seconds of training beyond a pace of `pace_s` per iteration.

    Less than a millisecond does not count, because a sleep ends a little late on every machine.

    >>> seconds_late(9.0009, 20, 0.45), seconds_late(12.0, 20, 0.45)
    (0.0, 3.0)
    """
    late_s = train_s - iterations * pace_s
    return late_s if late_s >= 0.001 else 0.0
