"""The segments of a log that run at a line of it."""

from msgspec.structs import asdict

from hetsched.core.events import SIMULATED, AnyEvent, RunStarted, SegmentEnded, SegmentLost, SegmentStarted, WorkerLeft
from hetsched.core.segments_of_workers import SegmentsOfWorkers
from hetsched.domain.rounding import ROUNDING

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
        self._is_ray_tune = self._is_simulated = False

    def fault(self, event: AnyEvent) -> str | None:
        """What differs from the start of the segment, in words. None: nothing, or no segment of the
        trial runs. Events must come in the order of the log.

        Under `RAY_TUNE` a segment may end with other iterations, and its parts may be any: they
        have the times that the training code reports.
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
            if isinstance(event, SegmentEnded) and not self._is_ray_tune:
                if event.iterations != started.iterations:
                    return _told(event, started, "iterations")
                return _odd_part(event) or _odd_sum(event, started, self._is_simulated)
        elif isinstance(event, WorkerLeft):
            if (busy := self._running.first(event.worker)) is not None:
                return f"{event.worker} leaves, and trains {busy.trial}"
        elif isinstance(event, RunStarted):
            self._is_ray_tune, self._is_simulated = event.backend == RAY_TUNE, event.backend == SIMULATED
        return None


def _told(event: SegmentEnded | SegmentLost, started: SegmentStarted, name: str) -> str:
    what = f"{type(event).__name__} of {event.trial!r} has the {name} {getattr(event, name)!r}"
    return f"{what}, and its SegmentStarted has {getattr(started, name)!r}"


def _odd_part(event: SegmentEnded) -> str | None:
    """That a part of a segment is negative, or that more of its training is late than there is. None:
    neither."""
    allowed = ROUNDING * (1 + event.time)
    for name, seconds in asdict(event.parts).items():
        if seconds < -allowed:
            return f"SegmentEnded of {event.trial!r} has {seconds:g} s of {name}"
    if not 0 <= event.late_s <= event.parts.train_s + allowed:
        late = f"{event.late_s:g} s late in {event.parts.train_s:g} s of training"
        return f"SegmentEnded of {event.trial!r} is {late}"
    return None


def _odd_sum(event: SegmentEnded, started: SegmentStarted, add_up: bool) -> str | None:
    """That a segment was worked on at other times than it lasts. With `add_up`, that its parts are
    not all of its seconds: a real run of an older hetsched could count the start-up of a lost
    segment in a later one. None: neither."""
    what = f"SegmentEnded of {event.trial!r}"
    begun, done = event.worked or (started.time, event.time)
    if not started.time <= begun <= done <= event.time:
        return f"{what} has worked from {begun:g} to {done:g} s, and lasts from {started.time:g} to {event.time:g} s"
    if add_up and abs(event.parts.total_s - (done - begun)) > ROUNDING * (1 + event.time):
        return f"{what} has parts of {event.parts.total_s:g} s in all, and takes {done - begun:g} s"
    return None
