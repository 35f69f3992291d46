"""Numbers that are equal but for rounding errors, and rounded numbers."""

from collections.abc import Sequence
from itertools import pairwise
from math import isclose
from typing import Any

ROUNDING = 1e-9
"""Numbers that differ by at most this share are taken to be equal. Rounding errors, such as those of
the order of a sum, are smaller. What somebody measured or chose differs by more."""


def is_same(one: Any, other: Any) -> bool:
    """Whether the values are equal, or are numbers that differ only by rounding. Lists are the same
    if their values are.

    >>> is_same(0.3, 0.1 + 0.2), is_same([0.3, "a"], [0.1 + 0.2, "a"]), is_same(1, True), is_same(0.3, 0.300001)
    (True, True, True, False)
    """
    if isinstance(one, int | float) and isinstance(other, int | float):
        try:
            return isclose(one, other, rel_tol=ROUNDING)
        except OverflowError:  # an integer that no float can have
            return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


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


def rounded(number: float) -> float:
    """The number to ten significant digits. What is equal but for rounding errors ties.

    >>> 3 * 0.1 == 1 * 0.3, rounded(3 * 0.1) == rounded(1 * 0.3)
    (False, True)
    """
    return float(f"{number:.10g}")


def two_digits(number: float) -> float:
    """The number to two significant digits, as advice has it.

    >>> two_digits(523.4), two_digits(8.72), two_digits(0.0321)
    (520.0, 8.7, 0.032)
    """
    return float(f"{number:.2g}")
