"""Packages that workers work off: which segment's turn it is, and which results wait for the report."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from hetsched.core.trial import Segment
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId

Result = TypeVar("Result")


class Turn(NamedTuple, Generic[Result]):
    """What follows when a worker is done with a segment: results to report now, in order, or the segment that it goes
    on with."""

    report: list[Result]
    next: Segment | None


class _Package(Generic[Result]):
    """A package of which `current` is under way."""

    def __init__(self, current: Segment) -> None:
        self.current = current
        self.since = current.time
        self.after: TrialId | None = None
        self.waiting: deque[Segment] = deque()
        self.results: dict[TrialId, Result] = {}


class OpenPackages(Generic[Result]):
    """For a backend: the segments of a package one after another, and their results together.

    A segment that is in no package starts when it is decided on, and its result is reported when it is done.
    """

    def __init__(self) -> None:
        self._packages: dict[WorkerId, _Package[Result]] = {}

    def begin(self, starts: Iterable[Segment]) -> list[Segment]:
        """Of the segments that the policy starts, those that start now; the others wait for their turn."""
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
        """When the worker began with the segment, which is under way, in seconds since the start of the run."""
        package = self._packages.get(segment.worker)
        return segment.time if package is None else package.since

    def after(self, segment: Segment) -> TrialId | None:
        """The trial of the package that its worker trained just before this segment, and has in memory."""
        package = self._packages.get(segment.worker)
        return None if package is None else package.after

    def is_done(self, trial: TrialId) -> bool:
        """Whether the trial's result waits for the report of its package."""
        return any(trial in package.results for package in self._packages.values())

    def end(self, segment: Segment, result: Result, now: float) -> Turn[Result]:
        """The worker is done with the segment."""
        package = self._packages.get(segment.worker)
        if package is None:
            return Turn([result], None)
        package.results[segment.trial] = result
        package.after = segment.trial
        return self._go_on(package, now)

    def lose(self, segment: Segment, now: float) -> Turn[Result]:
        """The segment alone is lost, whether it was under way, done or waiting; its worker stays."""
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
        """What waits for its turn on the worker, and is not to have it any more."""
        package = self._packages.get(worker)
        if package is None:
            return []
        waiting, package.waiting = list(package.waiting), deque()
        return waiting

    def forget(self, worker: WorkerId) -> None:
        """The worker is gone, with all of its package."""
        self._packages.pop(worker, None)

    def _go_on(self, package: _Package[Result], now: float) -> Turn[Result]:
        if package.waiting:
            package.current, package.since = package.waiting.popleft(), now
            return Turn([], package.current)
        del self._packages[package.current.worker]
        return Turn(list(package.results.values()), None)
