"""Performance profiles: on what part of the scenarios a policy comes within a factor of the best
possible."""

from collections.abc import Iterable
from math import inf

from hetsched.analysis.over_scenarios.aggregates import BySeed
from hetsched.domain.rounding import level


def profile(figures: BySeed) -> list[tuple[float, float]]:
    """Steps (t, part): on this part of the scenarios a figure is at most t (Dolan and More,
    "Benchmarking optimization software with performance profiles", 2002). All scenarios count
    equally, and so do the seeds within a scenario.

    Dolan and More divide by the best solver of the set. So another solver in the set may change the
    order of two. Makespan / bound does not depend on the set. An infinite figure belongs to a run
    that never reached the target: then the part stays below 1. Figures that differ only by rounding
    are one step.

    >>> profile({"a": [1.0, 2.0], "b": [1.5, 1.5]})
    [(1.0, 0.25), (1.5, 0.75), (2.0, 1.0)]
    """
    found = [
        (value, 1 / (len(of_one) * len(figures))) for of_one in figures.values() for value in of_one if value < inf
    ]
    weights: dict[float, float] = {}
    for value, (_, weight) in zip(level([value for value, _ in found]), found, strict=True):
        weights[value] = weights.get(value, 0.0) + weight
    return list(_steps(weights))


def _steps(weights: dict[float, float]) -> Iterable[tuple[float, float]]:
    part = 0.0
    for value in sorted(weights):
        part += weights[value]
        yield value, round(part, 12)
