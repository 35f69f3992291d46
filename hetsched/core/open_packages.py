"""Packages that workers carry out: which segment is next, and which results wait for the report."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from hetsched.core.trial import Segment
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId

Result = TypeVar("Result")


class Turn(NamedTuple, Generic[Result]):
    """What follows after a worker's segment: results to report now, in their order, or the worker's
    next segment."""

    report: list[Result]
    next: Segment | None


class _Package(Generic[Result]):
    """A package whose segment number `current` is being trained."""

    def __init__(self, current: Segment) -> None:
        self.current = current
        self.since = current.time
        self.after: TrialId | None = None
        self.waiting: deque[Segment] = deque()
        self.results: dict[TrialId, Result] = {}


class OpenPackages(Generic[Result]):
    """Runs the segments of a package one after another, and reports their results together.
    Backends use it.

    A segment that is in no package starts when it is decided on, and its result is reported when it
    is done.
    """

    def __init__(self) -> None:
        self._packages: dict[WorkerId, _Package[Result]] = {}

    def begin(self, starts: Iterable[Segment]) -> list[Segment]:
        """The started segments that begin now. The other segments wait for their turn."""
        now = []
        for segment in starts:
            if not segment.package:
                now.append(segment)
            elif segment.follows:
                self._packages[segment.worker].waiting.append(segment)
            else:
                now.append(segment)
                self._packages[segment.worker] = _Package(segment)
        return now

    def since(self, segment: Segment) -> float:
        """When the worker began with the running segment, in seconds since the start of the run."""
        package = self._packages.get(segment.worker)
        return segment.time if package is None else package.since

    def after(self, segment: Segment) -> TrialId | None:
        """The trial that the worker trained just before this segment in the same package, and has
        in memory."""
        package = self._packages.get(segment.worker)
        return None if package is None else package.after

    def is_done(self, segment: Segment) -> bool:
        """Whether the segment's result waits for the report of its package."""
        package = self._packages.get(segment.worker)
        return package is not None and segment.trial in package.results

    def end(self, segment: Segment, result: Result, now: float) -> Turn[Result]:
        """The worker has finished the segment."""
        package = self._packages.get(segment.worker)
        if package is None:
            return Turn([result], None)
        package.results[segment.trial] = result
        package.after = segment.trial
        return self._go_on(package, now)

    def lose(self, segment: Segment, now: float) -> Turn[Result]:
        """Only this segment is lost; it may be running, finished or waiting. Its worker stays."""
        package = self._packages.get(segment.worker)
        if package is None:
            return Turn([], None)
        if package.current is segment:
            package.after = None
            return self._go_on(package, now)
        package.results.pop(segment.trial, None)
        package.waiting = deque(other for other in package.waiting if other is not segment)
        return Turn([], None)

    def give_back(self, worker: WorkerId) -> list[Segment]:
        """The segments that wait for their turn on the worker. They are taken out of the
        package."""
        package = self._packages.get(worker)
        if package is None:
            return []
        waiting, package.waiting = list(package.waiting), deque()
        return waiting

    def forget(self, worker: WorkerId) -> list[TrialId]:
        """The worker is gone, and its whole package with it. Returns the package's trials that are
        not reported."""
        package = self._packages.pop(worker, None)
        if package is None:
            return []
        return [*package.results, package.current.trial, *(segment.trial for segment in package.waiting)]

    def _go_on(self, package: _Package[Result], now: float) -> Turn[Result]:
        if package.waiting:
            package.current, package.since = package.waiting.popleft(), now
            return Turn([], package.current)
        del self._packages[package.current.worker]
        return Turn(list(package.results.values()), None)
