"""The running segments, by trial and by worker."""

from collections import defaultdict

from hetsched.core.events import SegmentStarted
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId


class SegmentsOfWorkers:
    """The segments that run, in the order of their starts. Each step takes as long as the segment
    has workers, however many other segments run."""

    def __init__(self) -> None:
        self._running: dict[TrialId, SegmentStarted] = {}
        self._on: defaultdict[WorkerId, dict[TrialId, SegmentStarted]] = defaultdict(dict)

    def __contains__(self, trial: TrialId) -> bool:
        return trial in self._running

    def start(self, segment: SegmentStarted) -> None:
        """Add a segment. It takes the place of another segment of its trial."""
        self.end(segment.trial)
        self._running[segment.trial] = segment
        for worker in segment.workers:
            self._on[worker][segment.trial] = segment

    def end(self, trial: TrialId) -> SegmentStarted | None:
        """Remove the segment of the trial, and return it. None: the trial does not run."""
        segment = self._running.pop(trial, None)
        for worker in segment.workers if segment is not None else ():
            self._on[worker].pop(trial, None)  # a damaged log may name a worker twice
        return segment

    def first(self, worker: WorkerId) -> SegmentStarted | None:
        """The first of the segments that run on the worker. None: it is idle."""
        return next(iter(self._on[worker].values()), None) if worker in self._on else None
