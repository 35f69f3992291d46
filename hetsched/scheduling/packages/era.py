"""Packages in proportion to speed that shrink near the end."""

from math import ceil

from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker
from hetsched.domain.rounding import ROUNDING
from hetsched.domain.workload import Experiment
from hetsched.scheduling import register
from hetsched.scheduling.packages.package_policy import PackagePolicy

STEP = 100
"""Packages shrink once per this many iterations that the rest is below the stop iterations."""


@register("era")
class Era(PackagePolicy):
    """Exponential: a free worker takes its share of the population by speed, and less near the end.

    The rule of `self_scheduling`, the follow-up of HRFS. With `lead`, the most iterations that a
    trial of the population has reported, a worker takes as many trials as

        L = floor((stop - lead) / interval x population)
        x = max(0, floor((stop - L) / 100)), or 0 before the first report
        n = ceil(ability x shrink^x)

    or all that wait. `hetsched.scheduling.packages.package_policy` says what a package is, and what
    `gpa` does.

    `shrink` is the factor of this rule.
    """

    def __init__(self, shrink: float = 0.9, gpa: bool = False) -> None:
        super().__init__(gpa)
        if not 0 < shrink <= 1:
            raise ValueError(f"shrink must be above 0 and at most 1, not {shrink}")
        self._shrink = shrink

    def idle_rule(self, experiment: Experiment) -> str | None:
        if experiment.stop_iterations >= STEP or self._shrink == 1 or experiment.population == 1:
            return None
        return f"packages never shrink, as a trial is less than {STEP} iterations"

    def size(self, state: StateView, experiment: Experiment, worker: Worker, ability: int) -> int:
        steps = shrinks(experiment, state.lead[experiment.id])
        return ceil(ability * self._shrink**steps - ROUNDING)


def shrinks(experiment: Experiment, lead: int) -> int:
    """How often packages have shrunk when the most advanced trial has reported `lead` iterations: x
    of the rule."""
    if lead == 0:
        return 0
    stop = experiment.stop_iterations
    rest = (stop - lead) * experiment.population // experiment.interval
    return max(0, (stop - rest) // STEP)
