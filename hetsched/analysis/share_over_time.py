"""A share over time: a part divided by a whole. Both exist only for some stretches of time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_VALUES = 8_000
"""The most values of all series of one plot together."""

MOST_PARTS, FEWEST_PARTS = 400, 20
"""The most and the fewest values of one series."""


class Stretch(NamedTuple):
    """An amount of something, from one moment to another, in seconds since the start of the run."""

    from_s: float
    to_s: float
    amount: float


def most_parts(series: int) -> int:
    """How many values each of `series` series of one plot may have.

    >>> most_parts(1), most_parts(100), most_parts(10_000)
    (400, 80, 20)
    """
    return min(MOST_PARTS, max(FEWEST_PARTS, MOST_VALUES // max(1, series)))


def share_over_time(
    part: Sequence[Stretch], whole: Sequence[Stretch], end_s: float, most: int = MOST_PARTS
) -> tuple[list[float], list[float | None]]:
    """Times and values. A value holds from its time to the next one, and the last value to the end.
    None: nothing of the whole exists then.

    The result is exact if it changes fewer times than `most`. Otherwise each value is the mean over
    one of `most` equal parts of the time: the amount of the part divided by the amount of the
    whole.

    >>> share_over_time([Stretch(0, 5, 2)], [Stretch(0, 10, 4)], end_s=15)
    ([0.0, 5.0, 10.0], [0.5, 0.0, None])
    """
    edges = _edges([*part, *whole], end_s, most)
    whole_s, part_s = np.diff(_seconds(whole, edges)), np.diff(_seconds(part, edges))
    absent = whole_s <= 1e-9 * np.diff(edges)
    shares = np.clip(part_s / np.where(absent, 1.0, whole_s), 0.0, 1.0).tolist()
    values = [None if gone else round(share, 4) for gone, share in zip(absent.tolist(), shares, strict=True)]
    return [round(edge, 3) for edge in edges[:-1].tolist()], values


def share_of(part: Sequence[Stretch], whole: Sequence[Stretch], end_s: float) -> float | None:
    """The part divided by the whole, up to the end: both are amounts times seconds. None: there is
    no whole.

    >>> share_of([Stretch(0, 5, 2)], [Stretch(0, 12, 4)], end_s=10)
    0.25
    """

    def seconds(of: Sequence[Stretch]) -> float:
        return sum(max(0.0, min(to_s, end_s) - from_s) * amount for from_s, to_s, amount in of)

    part_s, whole_s = seconds(part), seconds(whole)
    return part_s / whole_s if whole_s > 0 else None


def _edges(stretches: Sequence[Stretch], end_s: float, most: int) -> NDArray[np.float64]:
    """The moments between which the share is constant: those at which anything changes, unless
    there are too many of them."""
    moments = {moment for from_s, to_s, _ in stretches for moment in (from_s, to_s) if 0.0 < moment < end_s}
    if len(moments) < most:
        return np.array([0.0, *sorted(moments), end_s])
    return np.linspace(0.0, end_s, most + 1)


def _seconds(stretches: Sequence[Stretch], until: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each time in `until`, the sum of amounts times seconds up to that time."""
    amounts = np.array([stretch.amount for stretch in stretches])
    begun = _since(np.array([stretch.from_s for stretch in stretches]), amounts, until)
    return begun - _since(np.array([stretch.to_s for stretch in stretches]), amounts, until)


def _since(
    moments: NDArray[np.float64], amounts: NDArray[np.float64], until: NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each time in `until`, the sum over the earlier moments of the amount times the seconds
    since the moment."""
    order = np.argsort(moments)
    passed = np.searchsorted(moments[order], until, side="right")
    amount = np.concatenate([[0.0], np.cumsum(amounts[order])])[passed]
    start = np.concatenate([[0.0], np.cumsum((amounts * moments)[order])])[passed]
    result: NDArray[np.float64] = amount * until - start
    return result
