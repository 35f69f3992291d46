"""Packages that last equally long."""

from math import ceil

from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker
from hetsched.domain.rounding import ROUNDING
from hetsched.domain.workload import Experiment
from hetsched.scheduling import register
from hetsched.scheduling.packages.package_policy import PackagePolicy


@register("eta")
class Eta(PackagePolicy):
    """Equal time: the package of a free worker lasts as long as one trial on the slowest worker.

    The rule of `self_scheduling`, the follow-up of HRFS. The first package of a worker is one
    trial. With r, the seconds of its last package per trial, a worker takes as many trials as

        n = max(1, ceil(longest r of all workers so far / r))

    or all that wait. `hetsched.scheduling.packages.package_policy` says what a package is, and what
    `gpa` does.
    """

    def size(self, state: StateView, experiment: Experiment, worker: Worker, ability: int) -> int:
        last = state.last_packages.get(worker.id)
        if last is None or not last.seconds:
            return 1
        longest = max(package.seconds_per_trial for package in state.last_packages.values())
        return max(1, ceil(longest / last.seconds_per_trial - ROUNDING))
