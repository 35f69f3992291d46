"""Who was where: the workers that have been in the cluster, and for how long they were there and in segments."""

from collections import defaultdict
from collections.abc import Iterable

from hetsched.core.events import SegmentEnded, SegmentLost, SegmentStarted, WorkerJoined, WorkerLeft
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.workload import TrialId


def presence(stays_s: Iterable[tuple[float, float]], end_s: float) -> float:
    """Seconds for which a worker was in the cluster up to the end, from when it joined and left each time.

    >>> presence([(0.0, 40.0), (60.0, 200.0)], end_s=100.0)
    80.0
    """
    return sum(max(0.0, min(left, end_s) - joined) for joined, left in stays_s)


class Occupancy:
    """Follows the events that concern workers. `workers` are all that ever joined; `busy_s` their seconds in segments
    that are over, finished or lost, `segments` how many of them were finished; a gang's counts for each worker.
    `trial_s` are the seconds of each trial in them."""

    def __init__(self) -> None:
        self.workers: dict[WorkerId, Worker] = {}
        self.busy_s: defaultdict[WorkerId, float] = defaultdict(float)
        self.segments: defaultdict[WorkerId, int] = defaultdict(int)
        self.trial_s: defaultdict[TrialId, float] = defaultdict(float)
        self._running: dict[TrialId, SegmentStarted] = {}
        self._counted: dict[WorkerId, float] = {}  # up to when; the segments of a package share their time
        self._joined: dict[WorkerId, float] = {}
        self._stays: defaultdict[WorkerId, list[tuple[float, float]]] = defaultdict(list)

    def join(self, event: WorkerJoined) -> None:
        self.workers[event.worker.id] = event.worker
        self._joined[event.worker.id] = event.time

    def leave(self, event: WorkerLeft) -> None:
        self._stays[event.worker].append((self._joined.pop(event.worker), event.time))

    def start(self, event: SegmentStarted) -> None:
        self._running[event.trial] = event

    def end(self, event: SegmentEnded | SegmentLost) -> float:
        """The seconds that the segment took of its workers, together. Those of a package are the first one's that is
        over."""
        start = self._running.pop(event.trial)
        workers = (start.worker, *start.others)
        seconds = event.time - start.time
        self.trial_s[event.trial] += seconds
        if start.package:
            seconds = event.time - max(start.time, self._counted.get(start.worker, 0.0))
            self._counted[start.worker] = event.time
        finished = type(event) is SegmentEnded
        for worker in workers:
            self.busy_s[worker] += seconds
            self.segments[worker] += finished
        return seconds * len(workers)

    def present_s(self, worker: WorkerId, end_s: float) -> float:
        """Seconds for which the worker was in the cluster up to the end."""
        stays = self._stays[worker]
        if worker in self._joined:  # it has not left
            stays = [*stays, (self._joined[worker], end_s)]
        return presence(stays, end_s)
