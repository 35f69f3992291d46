"""Confidence intervals of a mean. Every table and document of hetsched has the same kind: Student's
t."""

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean, stdev

from msgspec import Struct
from scipy.special import stdtrit

from hetsched.domain.rounding import ROUNDING

CONFIDENCE = 0.95


class Spread(Struct, frozen=True):
    """A mean over seeds with its 95% confidence interval (Student's t) and the figures by seed.

    `ci95` is None if there is one seed, or if the figure is the same under every seed.
    """

    mean: float
    ci95: tuple[float, float] | None
    per_seed: list[float]


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """The mean of the figures that are not None. None: all of them are None.

    >>> mean_of_known([1.0, None, 3.0])
    2.0
    """
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def spread(values: Sequence[float]) -> Spread:
    """The mean of some values, and its confidence interval.

    >>> spread([1.0, 2.0, 3.0]).mean
    2.0
    >>> [round(end, 2) for end in spread([1.0, 2.0, 3.0]).ci95]
    [-0.48, 4.48]
    >>> spread([3.0, 3.0, 3.0]).ci95
    """
    mean = fmean(values)
    return Spread(mean, interval(values, size=abs(mean)), list(values))


def interval_of_one_more(values: Sequence[float]) -> tuple[float, float] | None:
    """The interval in which one more value lies with 95% probability: Student's t, exact for normal
    values, at least 0.

    None: there is one value, or the values differ only by rounding.

    >>> [round(end, 2) for end in interval_of_one_more([11.0, 12.0, 13.0])]
    [7.03, 16.97]
    """
    of_mean = interval(values, size=abs(fmean(values)))
    if of_mean is None:
        return None
    mean = fmean(values)
    half = (of_mean[1] - mean) * sqrt(len(values) + 1)
    return max(0.0, mean - half), mean + half


def interval(values: Sequence[float], size: float = 1.0) -> tuple[float, float] | None:
    """The 95% confidence interval of the mean by Student's t: exact for normal values, however few.

    `size` is the size of the figures from which the values were computed: 1 for logarithms of
    ratios, 100 for percents. None: there is one value, or the values differ only by rounding and so
    count as one.

    >>> [round(end, 3) for end in interval([0.1, 0.2])]
    [-0.485, 0.785]
    >>> interval([0.1 + 0.2, 0.3])
    """
    if len(values) < 2 or max(values) - min(values) <= ROUNDING * size:
        return None
    mean = fmean(values)
    half = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * stdev(values) / sqrt(len(values))
    return mean - half, mean + half


def variation(values: Sequence[float]) -> float | None:
    """The coefficient of variation: the standard deviation divided by the mean. None: one value, or
    a mean near 0.

    >>> variation([1.0, 3.0]), variation([1.0])
    (0.7071067811865476, None)
    """
    return stdev(values) / mean if len(values) > 1 and (mean := fmean(values)) else None
