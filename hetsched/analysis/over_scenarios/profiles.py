"""Performance profiles: on what part of the scenarios a policy comes within a factor of the best possible."""

from collections.abc import Iterable

from hetsched.analysis.over_scenarios.aggregates import BySeed


def profile(figures: BySeed) -> list[tuple[float, float]]:
    """Steps (t, part): a figure is at most t on this part of the scenarios, each of which counts alike, and its seeds
    alike within it (Dolan and More, "Benchmarking optimization software with performance profiles", 2002).

    They divide by the best solver of the set, so that another one in the set may change the order of two. Makespan /
    bound does not depend on the set. An infinite figure is of a run that never got there: the part stays below 1.

    >>> profile({"a": [1.0, 2.0], "b": [1.5, 1.5]})
    [(1.0, 0.25), (1.5, 0.75), (2.0, 1.0)]
    """
    weights: dict[float, float] = {}
    for of_one in figures.values():
        for value in of_one:
            weights[value] = weights.get(value, 0.0) + 1 / (len(of_one) * len(figures))
    return list(_steps(weights))


def _steps(weights: dict[float, float]) -> Iterable[tuple[float, float]]:
    part = 0.0
    for value in sorted(weights):
        if value < float("inf"):
            part += weights[value]
            yield value, round(part, 12)
