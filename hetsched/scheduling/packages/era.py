"""Packages in proportion to speed that shrink."""

from collections.abc import Mapping
from math import ceil

from hetsched.domain.cluster import Worker, WorkerId
from hetsched.scheduling import register
from hetsched.scheduling.packages.packages.packages import PackagePolicy

ROUNDING = 1e-9
"""A share may exceed a whole number by this much before it counts as one more."""


@register("era")
class Era(PackagePolicy):
    """A free worker takes a package of trials in proportion to its speed, and smaller ones later in a stage.

    After the batching rule in the follow-up work of the seed system's authors (ncue-e107), which leaves details open.
    Read here as: of n waiting trials of the stage, the worker w of speed score v_w takes as its

        k-th package of the stage:  ceil(v_w / sum of the v of all workers x n) x shrink^(k - 1),  k = 1, 2, ...

    rounded to a whole number, at least one trial. A stage is one interval of the population; see
    `hetsched.scheduling.packages.packages` for what a package and a speed score are. `shrink` is 0.9.
    """

    def __init__(self, shrink: float = 0.9) -> None:
        super().__init__()
        if not 0 < shrink <= 1:
            raise ValueError(f"shrink must be above 0 and at most 1, not {shrink}")
        self._shrink = shrink

    def size(self, worker: Worker, scores: Mapping[WorkerId, float], waiting: int, taken: int) -> int:
        share = scores[worker.id] / sum(scores.values())
        return max(1, round(ceil(share * waiting - ROUNDING) * self._shrink**taken))
