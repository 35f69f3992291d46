"""One number for many scenarios: the interquartile mean and the geometric mean, with intervals.

The 95% interval of a geometric mean is Student's t of the logarithms. The 95% interval of an
interquartile mean comes from a bootstrap. The bootstrap draws scenarios with replacement. The
interval is the expanded percentile interval (Hesterberg, "What Teachers Should Know About the
Bootstrap", The American Statistician 2015, section 4.3): plain percentiles of so few scenarios are
too narrow. Seeds are not drawn as well: their variance is in the scenarios' figures already, and
would count twice.
"""

from collections.abc import Callable, Mapping, Sequence
from math import exp, log, sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from hetsched.analysis.intervals import CONFIDENCE, interval
from hetsched.domain.rounding import level

RESAMPLES = 2000
"""Draws of the bootstrap: the ends of an interval are known to some hundredths of its width."""

LEAST_SCENARIOS = 6
"""With fewer scenarios there is no interval: an interval of the bootstrap would hold the truth too
rarely, as docs/suite.md measures."""

Array = NDArray[np.float64]

BySeed = Mapping[str, Sequence[float]]
"""A policy's figures, above 0, by scenario and then in the order of the seeds."""


class Aggregate(Struct, frozen=True):
    """A mean over scenarios and its 95% interval, None with fewer than `LEAST_SCENARIOS`."""

    mean: float
    ci95: tuple[float, float] | None


def geometric_mean(of_scenarios: Array) -> Array:
    """The geometric mean over the last axis.

    >>> float(geometric_mean(np.array([1.0, 4.0])))
    2.0
    """
    return np.asarray(np.exp(np.log(of_scenarios).mean(axis=-1)))


def interquartile_mean(of_scenarios: Array) -> Array:
    """The mean of the middle half, over the last axis. Values at the ends of this half count in
    part.

    No single scenario can dominate this mean (Agarwal et al., "Deep Reinforcement Learning at the
    Edge of the Statistical Precipice", NeurIPS 2021).

    >>> float(interquartile_mean(np.array([1.0, 2.0, 3.0, 100.0])))
    2.5
    >>> float(interquartile_mean(np.array([1.0, 2.0, 6.0])))  # half of 1.5 values: all of 2, a quarter of 1 and of 6
    2.5
    """
    values = np.sort(of_scenarios, axis=-1)
    n = values.shape[-1]
    places = np.arange(n)
    weights = np.clip(np.minimum(places + 1, 0.75 * n) - np.maximum(places, 0.25 * n), 0.0, 1.0)
    return np.asarray((values * weights).sum(axis=-1) / weights.sum())


def mean_of_scenarios(figures: BySeed, mean: Callable[[Array], Array]) -> float:
    """The mean over scenarios of each scenario's geometric mean over its seeds."""
    return float(mean(_of_scenarios(figures)))


def _of_scenarios(figures: BySeed) -> Array:
    return np.array([float(geometric_mean(np.asarray(of_one, dtype=float))) for of_one in figures.values()])


def aggregate(
    figures: BySeed,
    mean: Callable[[Array], Array],
    seed: int = 0,
    resamples: int = RESAMPLES,
    *,
    least: float = 0.0,
) -> Aggregate:
    """The mean over scenarios, with its interval. `seed` and `resamples` are those of the bootstrap.
    The interval does not reach below `least`, which no figure is below but for noise."""
    of_scenarios = _of_scenarios(figures)
    found = float(mean(of_scenarios))
    if len(of_scenarios) < LEAST_SCENARIOS:
        return Aggregate(found, None)
    low, high = interval_over_scenarios(of_scenarios, mean, seed, resamples)
    return Aggregate(found, (max(low, min(least, float(of_scenarios.min()))), high))


def interval_over_scenarios(
    of_scenarios: Array, mean: Callable[[Array], Array], seed: int, resamples: int
) -> tuple[float, float]:
    """The 95% interval of the mean of at least two scenarios' figures."""
    if mean is geometric_mean:
        found = float(mean(of_scenarios))
        low, high = interval(np.log(of_scenarios).tolist()) or (log(found), log(found))
        return exp(low), exp(high)
    n = len(of_scenarios)
    drawn = of_scenarios[np.random.default_rng(seed).integers(n, size=(resamples, n))]
    low, high = np.quantile(mean(drawn), _expanded(n))
    return float(low), float(high)


def _expanded(n: int) -> tuple[float, float]:
    """Which quantiles of a bootstrap over n make an interval of 95%.

    >>> [round(end, 4) for end in _expanded(14)]
    [0.0125, 0.9875]
    """
    tail = float(ndtr(-sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + CONFIDENCE) / 2)))
    return tail, 1 - tail


def worst(figures: BySeed) -> tuple[str, float]:
    """The scenario with the largest geometric mean of the figure over the seeds, and that mean. If
    scenarios differ only by rounding, the first one counts."""
    means = level(_of_scenarios(figures).tolist())
    return max(zip(figures, means, strict=True), key=lambda item: item[1])


def in_order(figures: Mapping[str, float]) -> list[str]:
    """The names, the least figure first. Names whose figures differ by no more than rounding stay
    as they were.

    >>> in_order({"a": 0.1 + 0.2, "b": 0.3, "c": 0.2})
    ['c', 'a', 'b']
    """
    return [name for name, _ in sorted(zip(figures, level(list(figures.values())), strict=True), key=lambda of: of[1])]
