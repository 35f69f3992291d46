"""Lost work: a run cannot end if too much work is lost, or is undone by copies."""

from collections import Counter

from hetsched.domain.workload import TrialId
from hetsched.errors import HetschedError

BROKEN_IN_A_ROW = 100
"""A trial that loses this many segments in a row is taken to never finish one."""

FRUITLESS_LOSSES = 1000
"""A trial that loses work this many times without getting further than ever before is taken to
never end."""


class LostWork:
    """Counts for each trial how often its work was lost: in a row, and since it last got further
    than ever.

    Work is lost when a segment breaks, and when a checkpoint is gone from which the trial was to go
    on. If checkpoints can be lost, a trial may finish many segments and still not advance.
    """

    def __init__(self) -> None:
        self._furthest: Counter[TrialId] = Counter()
        self._in_a_row: Counter[TrialId] = Counter()
        self._fruitless: Counter[TrialId] = Counter()

    def trained(self, trial: TrialId, iterations: int) -> None:
        """The trial finished a segment, and has done `iterations` in all."""
        self._in_a_row.pop(trial, None)
        if iterations > self._furthest[trial]:
            self._furthest[trial] = iterations
            self._fruitless.pop(trial, None)

    def recounted(self, trial: TrialId, iterations: int) -> None:
        """The trial took over the count of another trial. What exceeds this count is further than
        ever."""
        self._furthest[trial] = iterations

    def lost(self, trial: TrialId, reason: str) -> None:
        """The trial lost a segment, its checkpoint or both. Raises HetschedError if it has lost so
        much that it cannot end."""
        self._in_a_row[trial] += 1
        self._fruitless[trial] += 1
        if self._in_a_row[trial] >= BROKEN_IN_A_ROW:
            raise HetschedError(
                f"trial {trial} lost its segment {BROKEN_IN_A_ROW} times in a row, at last because {reason}: the run "
                "cannot end. Let less fail, or make segments shorter"
            )
        if self._fruitless[trial] >= FRUITLESS_LOSSES:
            raise HetschedError(
                f"trial {trial} lost its work {FRUITLESS_LOSSES} times and never got beyond {self._furthest[trial]} "
                f"iterations, at last because {reason}: the run cannot end. Let less fail, or keep checkpoints where "
                "they outlive a node ([checkpoints] place)"
            )


class TakenBack:
    """Counts for each trial how often copies reduced its iterations since it last got further than
    ever.

    With `pbt.iterations = "lineage"`, a trial that copies one with fewer iterations trains the
    difference again. That never ends if both scores are equal and the source never runs.
    """

    def __init__(self) -> None:
        self._furthest: Counter[TrialId] = Counter()
        self._fruitless: Counter[TrialId] = Counter()

    def count(self, trial: TrialId, iterations: int) -> None:
        """A copy reduced the trial's count, which was `iterations`. Raises HetschedError if that
        happened so often that the run cannot end."""
        if iterations > self._furthest[trial]:
            self._furthest[trial] = iterations
            self._fruitless.pop(trial, None)
        self._fruitless[trial] += 1
        if self._fruitless[trial] >= FRUITLESS_LOSSES:
            raise HetschedError(
                f"trial {trial} copied trials with fewer iterations {FRUITLESS_LOSSES} times and never got beyond "
                f"{self._furthest[trial]}: the run cannot end. Let trials count their own iterations "
                '(pbt.iterations = "own"), or have scores tell them apart (learning.model "unknown" simulates none)'
            )
