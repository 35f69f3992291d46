"""The workers that have been in the cluster, and for how many seconds they were there and in
segments."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from hetsched.core.events import SegmentEnded, SegmentLost, SegmentStarted, WorkerJoined, WorkerLeft
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.workload import TrialId


def presence(stays_s: Iterable[tuple[float, float]], end_s: float) -> float:
    """Seconds for which a worker was in the cluster up to the end, from the times at which it
    joined and left.

    >>> presence([(0.0, 40.0), (60.0, 200.0)], end_s=100.0)
    80.0
    """
    return sum(max(0.0, min(left, end_s) - joined) for joined, left in stays_s)


class Occupancy:
    """Follows the events that concern workers. Names of seconds end in `_s`.

    - `workers`: all that ever joined
    - `busy_s`: by worker, its seconds in segments that are over, finished or lost
    - `segments`: by worker, how many of them were finished. A gang's segment counts for each of its
      workers.
    - `lost_s`: the seconds in lost segments, of all workers together
    - `trial_s`: the seconds in segments, by trial
    """

    def __init__(self) -> None:
        self.workers: dict[WorkerId, Worker] = {}
        self.busy_s: defaultdict[WorkerId, float] = defaultdict(float)
        self.segments: defaultdict[WorkerId, int] = defaultdict(int)
        self.lost_s = 0.0
        self.trial_s: defaultdict[TrialId, float] = defaultdict(float)
        self._running: dict[TrialId, SegmentStarted] = {}
        self._open: Counter[int] = Counter()  # segments of a package that are not over
        self._counted: dict[WorkerId, float] = {}  # up to when; the segments of a package share their time
        self._lost: defaultdict[int, dict[SegmentStarted, float]] = defaultdict(dict)  # of a package, and when
        self._joined: dict[WorkerId, float] = {}
        self._stays: defaultdict[WorkerId, list[tuple[float, float]]] = defaultdict(list)

    def join(self, event: WorkerJoined) -> None:
        self.workers[event.worker.id] = event.worker
        self._joined[event.worker.id] = event.time

    def leave(self, event: WorkerLeft) -> None:
        self._stays[event.worker].append((self._joined.pop(event.worker), event.time))

    def start(self, event: SegmentStarted) -> None:
        self._running[event.trial] = event
        self._open[event.package] += 1

    def end(self, event: SegmentEnded | SegmentLost) -> float:
        """The seconds that the segment took from all its workers together. 0: it was lost, see
        `lost_s`."""
        start = self._running.pop(event.trial)
        self._open[start.package] -= 1
        workers = (start.worker, *start.others)
        finished = type(event) is SegmentEnded
        if start.package:
            taken_s, lost_s = self._of_package(start, event)
        else:
            seconds = event.time - start.time
            taken_s, lost_s = (seconds, 0.0) if finished else (0.0, seconds)
            self.trial_s[event.trial] += seconds
        for worker in workers:
            self.busy_s[worker] += taken_s + lost_s
            self.segments[worker] += finished
        self.lost_s += lost_s * len(workers)
        return taken_s * len(workers)

    def _of_package(self, start: SegmentStarted, event: SegmentEnded | SegmentLost) -> tuple[float, float]:
        """The seconds of a segment, and the seconds of lost ones of its package that are known from
        now on. These are the time that no finished segment claims."""
        from_s = max(start.time, self._counted.get(start.worker, 0.0))
        begun_s, done_s = from_s, from_s
        lost = self._lost[start.package]
        if isinstance(event, SegmentEnded):
            begun_s, done_s = event.worked or (from_s, event.time)
            self.trial_s[event.trial] += done_s - begun_s
            self._lose([one for one in lost if one.segment < start.segment], lost, from_s, begun_s)
        else:
            lost[start] = event.time
        is_last = not self._open[start.package]
        self._counted[start.worker] = event.time if is_last else done_s
        if is_last:
            self._lose(list(lost), lost, done_s, event.time)
            del self._lost[start.package], self._open[start.package]
        return done_s - begun_s, begun_s - from_s + self._counted[start.worker] - done_s

    def _lose(
        self, segments: Iterable[SegmentStarted], lost: dict[SegmentStarted, float], from_s: float, to_s: float
    ) -> None:
        """Divide the time from `from_s` to `to_s` seconds among these lost segments, one after
        another in the order of their package. A segment ran at most until it was lost. Segments
        that were lost at one time get equal parts, because the log does not say which of them had
        begun."""
        times = {segment: min(max(lost.pop(segment), from_s), to_s) for segment in segments}
        together = Counter(times.values())
        for segment in sorted(times, key=lambda one: one.segment):
            until_s = times[segment]
            seconds = max(0.0, until_s - from_s) / together[until_s]
            self.trial_s[segment.trial] += seconds
            from_s += seconds
            together[until_s] -= 1

    def present_s(self, worker: WorkerId, end_s: float) -> float:
        """Seconds for which the worker was in the cluster up to the end."""
        stays = self._stays[worker]
        if worker in self._joined:  # it has not left
            stays = [*stays, (self._joined[worker], end_s)]
        return presence(stays, end_s)
