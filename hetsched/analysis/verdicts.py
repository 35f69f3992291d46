"""Paired differences of makespans in words. All ratios have one unit: "1.25x"."""

from math import log

from hetsched.analysis.paired import LEVEL, Difference
from hetsched.domain.rounding import ROUNDING

MOST_DECIMALS = 9
"""A ratio that differs from 1 only by rounding counts as 1, so more decimals show nothing."""


def verdict(difference: Difference, baseline: str) -> str:
    """What a difference comes to, in words, with its interval and its seeds.

    >>> from hetsched.analysis.paired import differences
    >>> found = differences([10.0, 10.1, 9.9], {"twice as fast": [5.0, 5.0, 5.0], "the same": [10.0, 10.1, 9.9]})
    >>> verdict(found["twice as fast"], "uniform+fifo")
    '2.00x faster than uniform+fifo (1.95x .. 2.05x), in all 3 seeds'
    >>> verdict(found["the same"], "uniform+fifo")
    'no difference: the same in all 3 seeds'
    """
    if difference.seeds == 1:
        found = f"one seed: {_how_much(difference, baseline)} under it"
        return f"{found}; {difference.seeds_needed} are needed to tell a difference from chance"
    if difference.ci95 is None:
        return _of_alike_seeds(difference, baseline)
    if not difference.shown:
        return f"no difference shown{_why_not(difference, difference.ci95)}"
    low, high = difference.ci95
    if difference.ratio > 1:
        word, count, ends = "faster", difference.better, (low, high)
    else:
        word, count, ends = "slower", difference.worse, (1 / high, 1 / low)
    decimals = _decimals(*ends)
    how_much = f"{max(difference.ratio, 1 / difference.ratio):.{decimals}f}x {word} than {baseline}"
    how_often = f"all {difference.seeds}" if count == difference.seeds else f"{count} of {difference.seeds}"
    return f"{how_much} ({_range(*ends)}), in {how_often} seeds"


def _of_alike_seeds(difference: Difference, baseline: str) -> str:
    if difference.ratio == 1:
        return f"no difference: the same in all {difference.seeds} seeds"
    counted = f"no noise: all {difference.seeds} seeds are alike and count as one run"
    return f"{counted}: {_how_much(difference, baseline)}"


def _how_much(difference: Difference, baseline: str) -> str:
    if difference.ratio == 1:
        return f"as fast as {baseline}"
    ratio = max(difference.ratio, 1 / difference.ratio)
    word = "faster" if difference.ratio > 1 else "slower"
    return f"{ratio:.{_decimals(ratio)}f}x {word} than {baseline}"


def _why_not(difference: Difference, ends: tuple[float, float]) -> str:
    """The interval, and what speaks against a difference if the interval does not."""
    found, p_holm = _range(*ends), difference.p_holm
    assert p_holm is not None, "where there is an interval, there is a test"
    if difference.seeds < difference.seeds_needed:
        return f": {difference.seeds} seeds, {difference.seeds_needed} are needed ({found})"
    if ends[0] <= 1 <= ends[1]:
        return f" ({found}, p = {p_holm:.2g})"
    if abs(log(difference.ratio)) <= ROUNDING:
        return f": {found} in the mean, which is no more than rounding"
    faster_in_the_mean, ranks_disagree = ends[0] > 1, p_holm < LEVEL
    told = (difference.better, "faster") if faster_in_the_mean != ranks_disagree else (difference.worse, "slower")
    seeds = "{1} in {0} of {2} seeds".format(*told, difference.seeds)
    if ranks_disagree:
        return f": {seeds}, but {found} in the mean"
    return f": {found} in the mean, {seeds}, but p = {p_holm:.2g}; more seeds may tell"


def _range(low: float, high: float) -> str:
    decimals = _decimals(low, high)
    return f"{low:.{decimals}f}x .. {high:.{decimals}f}x"


def _decimals(*ratios: float) -> int:
    """How many decimals distinguish the ratios from each other and from 1: two if they are far
    apart, otherwise more."""
    narrow = max(ratios) - min(ratios) <= 0.01
    for decimals in range(3 if narrow else 2, MOST_DECIMALS):
        printed = {f"{ratio:.{decimals}f}" for ratio in (*ratios, 1.0)}
        if len(printed) == len({*ratios, 1.0}):
            return decimals
    return MOST_DECIMALS
