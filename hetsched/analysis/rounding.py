"""Figures that are equal but for rounding errors."""

from collections.abc import Sequence
from itertools import pairwise

ROUNDING = 1e-9
"""Figures that differ by less than this share differ by rounding. The order of a sum is enough for
that."""


def level(values: Sequence[float]) -> list[float]:
    """The values. Values that differ from each other only by rounding become equal.

    >>> level([0.3, 7.0, 0.1 + 0.2])
    [0.3, 7.0, 0.3]
    """
    levelled = list(values)
    for before, place in pairwise(sorted(range(len(values)), key=values.__getitem__)):
        if values[place] - values[before] <= ROUNDING * abs(values[place]):
            levelled[place] = levelled[before]
    return levelled
