"""The segments of a log that run at a line of it."""

from hetsched.core.events import AnyEvent, RunStarted, SegmentEnded, SegmentLost, SegmentStarted, WorkerLeft
from hetsched.core.segments_of_workers import SegmentsOfWorkers

RAY_TUNE = "ray-tune"
"""The backend whose training code itself decides when a trial can be saved, and when it is
completed."""

_ENDS = (SegmentEnded, SegmentLost)


class RunningSegments:
    """Compares the end or the loss of each segment with the start of the segment.

    Only logs that are read are compared. A simulation, which writes thousands of events per second,
    is not slowed down.
    """

    def __init__(self) -> None:
        self._running = SegmentsOfWorkers()
        self._is_ray_tune = False

    def fault(self, event: AnyEvent) -> str | None:
        """What differs from the start of the segment, in words. None: nothing, or no segment of the
        trial runs. Events must come in the order of the log.

        Under `RAY_TUNE` a segment may end with other iterations.
        """
        if isinstance(event, SegmentStarted):
            self._running.start(event)
        elif isinstance(event, _ENDS):
            started = self._running.end(event.trial)
            if started is None:
                return None
            for name in ("worker", "segment"):
                if getattr(event, name) != getattr(started, name):
                    return _told(event, started, name)
            if isinstance(event, SegmentEnded) and event.iterations != started.iterations and not self._is_ray_tune:
                return _told(event, started, "iterations")
        elif isinstance(event, WorkerLeft):
            if (busy := self._running.first(event.worker)) is not None:
                return f"{event.worker} leaves, and trains {busy.trial}"
        elif isinstance(event, RunStarted):
            self._is_ray_tune = event.backend == RAY_TUNE
        return None


def _told(event: SegmentEnded | SegmentLost, started: SegmentStarted, name: str) -> str:
    what = f"{type(event).__name__} of {event.trial!r} has the {name} {getattr(event, name)!r}"
    return f"{what}, and its SegmentStarted has {getattr(started, name)!r}"
