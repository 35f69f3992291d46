"""The iterations of the most advanced trial of each experiment, where trials may fall back."""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

from hetsched.core.trial import Trial
from hetsched.domain.workload import ExperimentId, TrialId

Count = tuple[int, TrialId]
"""Minus the iterations that a trial had at some time, and the trial."""


class Leads:
    """Finds the most advanced trial again after the most advanced one has fallen back.

    It keeps a heap of counts per experiment, from the first such search on. A count that no longer
    holds leaves the heap when it comes to the top. So a search looks at few trials, however many
    trials the experiment has.
    """

    def __init__(self, trials: Mapping[TrialId, Trial]) -> None:
        """`trials` are all trials. The mapping must stay up to date."""
        self._trials = trials
        self._heaps: dict[ExperimentId, list[Count]] = {}

    def note(self, trial: Trial) -> None:
        """The trial has new iterations."""
        if (heap := self._heaps.get(trial.experiment)) is not None:
            heappush(heap, (-trial.iterations, trial.id))

    def of(self, experiment: ExperimentId) -> int:
        """The iterations of the experiment's most advanced trial."""
        heap = self._heaps.get(experiment)
        if heap is None:
            heap = [(-trial.iterations, trial.id) for trial in self._trials.values() if trial.experiment == experiment]
            heapify(heap)
            self._heaps[experiment] = heap
        while -heap[0][0] != self._trials[heap[0][1]].iterations:
            heappop(heap)
        return -heap[0][0]
