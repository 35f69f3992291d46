"""Packages that last equally long."""

from collections.abc import Mapping

from hetsched.domain.cluster import Worker, WorkerId
from hetsched.scheduling import register
from hetsched.scheduling.packages.packages.packages import PackagePolicy


@register("eta")
class Eta(PackagePolicy):
    """A free worker takes as many trials as it can train while the slowest worker trains one.

    After the batching rule in the follow-up work of the seed system's authors (ncue-e107), which leaves details open.
    Read here as: a worker takes max(1, round(v_w)) trials, v_w its speed by the slowest worker's, so that all packages
    last about as long as one trial on the slowest worker. See `hetsched.scheduling.packages.packages` for what a package and a
    speed score are.
    """

    def size(self, worker: Worker, scores: Mapping[WorkerId, float], waiting: int, taken: int) -> int:
        return max(1, round(scores[worker.id]))
