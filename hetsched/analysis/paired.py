"""Paired statistics: what can be said of two strategies that met the same luck, seed by seed. Pure functions of
figures of which less is better (seconds); docs/statistics.md explains them.

`scipy.stats` is imported where it is needed: that takes half a second, which processes that simulate can do without.
"""

from collections.abc import Mapping, Sequence
from math import exp, sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from hetsched.domain.random_streams import stream

LEVEL = 0.05
"""The probability of showing some difference where there is none, for all strategies of a comparison together."""

RESAMPLES = 9999
"""Resamples of a bootstrap interval."""

Array = NDArray[np.float64]


class Spread(Struct, frozen=True):
    """A mean over seeds with its 95% confidence interval (Student's t) and the figures by seed.

    `ci95` is None where there is one seed only.
    """

    mean: float
    ci95: tuple[float, float] | None
    per_seed: list[float]


class Difference(Struct, frozen=True):
    """How a figure of a strategy differs from the baseline's, paired by seed; less is better.

    - ratio: the geometric mean over the seeds of baseline / strategy: above 1 the strategy is better
    - ci95: the 95% bootstrap interval of the ratio; None with one seed
    - p_value: of Wilcoxon's signed-rank test of the log ratios; p_holm: corrected for the number of strategies
    - rank_biserial: the effect size to that test, from -1 (worse under every seed) to 1 (better under every seed)
    - better, worse: seeds under which it is; the rest are ties
    - seeds: how many pairs there are; seeds_needed: with fewer, no difference can be shown
    - shown: whether a difference is: p_holm < 0.05, 1 is not in ci95, and ratio and rank_biserial point the same way
    """

    ratio: float
    ci95: tuple[float, float] | None
    p_value: float
    p_holm: float
    rank_biserial: float
    better: int
    worse: int
    seeds: int
    seeds_needed: int
    shown: bool

    @property
    def width(self) -> float | None:
        """The width of the interval as a part of the ratio, whichever way the ratio is read."""
        return None if self.ci95 is None else self.ci95[1] / self.ci95[0] - 1


class RankAgreement(Struct, frozen=True):
    """Whether the strategies come in the same order under every seed.

    `kendall_w` is Kendall's coefficient of concordance: 1 if they do, about 0 if the order is left to chance; None
    where there is one seed or one strategy. `kendall_tau` compares the two orders where there are two seeds.
    """

    kendall_w: float | None
    kendall_tau: float | None


def spread(values: Sequence[float]) -> Spread:
    """
    >>> spread([1.0, 2.0, 3.0]).mean
    2.0
    >>> [round(end, 2) for end in spread([1.0, 2.0, 3.0]).ci95]
    [-0.48, 4.48]
    """
    mean = fmean(values)
    if len(values) < 2:
        return Spread(mean, None, list(values))
    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / sqrt(len(values))
    return Spread(mean, (mean - half, mean + half), list(values))


def differences(baseline: Sequence[float], others: Mapping[str, Sequence[float]]) -> dict[str, Difference]:
    """How each of the others differs from the baseline, all of them above 0 and under the same seeds in turn.

    >>> found = differences([10.0] * 6, {"twice as fast": [5.0] * 6, "the same": [10.0] * 6})["twice as fast"]
    >>> round(found.ratio, 9), found.better, found.p_value, found.p_holm, found.shown
    (2.0, 6, 0.03125, 0.0625, False)
    """
    logs = {name: np.log(baseline) - np.log(values) for name, values in others.items()}
    p_values = {name: signed_rank_p(of_one) for name, of_one in logs.items()}
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    needed = least_seeds(len(others))
    return {name: _difference(of_one, p_values[name], corrected[name], needed) for name, of_one in logs.items()}


def _difference(logs: Array, p_value: float, p_holm: float, needed: int) -> Difference:
    interval, effect = bootstrap_interval(logs), rank_biserial(logs)
    ci95 = None if interval is None else (exp(interval[0]), exp(interval[1]))
    return Difference(
        ratio=exp(fmean(logs)),
        ci95=ci95,
        p_value=p_value,
        p_holm=p_holm,
        rank_biserial=effect,
        better=int((logs > 0).sum()),
        worse=int((logs < 0).sum()),
        seeds=len(logs),
        seeds_needed=needed,
        shown=_apart(p_holm, ci95) and effect * fmean(logs) > 0,
    )


def _apart(p_holm: float, ci95: tuple[float, float] | None) -> bool:
    """Whether both the test and the interval of the ratio say that there is some difference."""
    return p_holm < LEVEL and ci95 is not None and not ci95[0] <= 1 <= ci95[1]


def bootstrap_interval(values: ArrayLike) -> tuple[float, float] | None:
    """The 95% bootstrap interval of the mean: bias-corrected and accelerated (Efron 1987). The random numbers are
    always the same ones. None with one value.

    >>> bootstrap_interval([0.25, 0.25, 0.25])
    (0.25, 0.25)
    """
    array = np.asarray(values, dtype=float)
    if len(array) < 2:
        return None
    if np.ptp(array) <= 1e-12 * np.abs(array).max():  # nothing to correct a bias by
        return float(array[0]), float(array[0])
    from scipy.stats import bootstrap

    rng = stream(0, "bootstrap")
    found = bootstrap((array,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=rng).confidence_interval
    return float(found.low), float(found.high)


def signed_rank_p(values: ArrayLike) -> float:
    """The p-value of Wilcoxon's signed-rank test that the values lie evenly about 0, two-sided; zeros are left out.

    >>> signed_rank_p([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    0.03125
    >>> signed_rank_p([0.0, 0.0])
    1.0
    """
    array = np.asarray(values, dtype=float)
    array = array[array != 0]
    if not len(array):
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(array).pvalue)


def rank_biserial(values: ArrayLike) -> float:
    """The matched-pairs rank-biserial correlation (Kerby 2014): the ranks, by size, of the positive values minus those
    of the negative ones, as a part of all ranks. Zeros are left out; 0 if there is nothing else.

    >>> rank_biserial([-1.0, 2.0, 3.0])
    0.6666666666666666
    """
    array = np.asarray(values, dtype=float)
    array = array[array != 0]
    if not len(array):
        return 0.0
    from scipy.stats import rankdata

    ranks = rankdata(np.abs(array))
    return float((ranks * np.sign(array)).sum() / ranks.sum())


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979): some of them is below LEVEL by chance with no more than that
    probability.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def least_seeds(strategies: int) -> int:
    """The seeds with which a difference can be shown at all, if so many strategies are compared with a baseline: of n
    pairs that all point one way, the signed-rank test makes p = 2 / 2**n, which Holm's correction multiplies.

    >>> least_seeds(1), least_seeds(7)
    (6, 9)
    """
    seeds = 1
    while strategies * 2 / 2**seeds >= LEVEL:
        seeds += 1
    return seeds


def rank_agreement(values: Sequence[Sequence[float]]) -> RankAgreement:
    """Of a row a strategy, a column a seed.

    >>> rank_agreement([[1.0, 1.5, 1.0], [2.0, 3.0, 2.5], [4.0, 4.0, 4.0]]).kendall_w
    1.0
    >>> rank_agreement([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])
    RankAgreement(kendall_w=0.0, kendall_tau=-1.0)
    """
    by_seed = np.asarray(values, dtype=float).T
    seeds, strategies = by_seed.shape
    if seeds < 2 or strategies < 2:
        return RankAgreement(None, None)
    from scipy.stats import kendalltau

    tau = float(kendalltau(by_seed[0], by_seed[1]).statistic) if seeds == 2 else None
    return RankAgreement(_kendall_w(by_seed), tau if tau is None or np.isfinite(tau) else None)


def _kendall_w(by_seed: NDArray[Any]) -> float | None:
    """W = S / (m^2 (n^3 - n) / 12 - m sum (t^3 - t) / 12) for m seeds and n strategies (Kendall and Gibbons 1990): S is
    the sum of the squared deviations of the strategies' rank sums, t the sizes of ties. None if all tie."""
    from scipy.stats import rankdata

    seeds, strategies = by_seed.shape
    sums = rankdata(by_seed, axis=1).sum(axis=0)
    ties = sum(float((sizes**3 - sizes).sum()) for row in by_seed for sizes in [np.unique(row, return_counts=True)[1]])
    most = (seeds**2 * (strategies**3 - strategies) - seeds * ties) / 12
    return float(((sums - sums.mean()) ** 2).sum() / most) if most > 0 else None


def verdict(difference: Difference, baseline: str) -> str:
    """What the difference of a makespan comes to, in words.

    >>> found = differences([10.0] * 6, {"twice as fast": [5.0] * 6})["twice as fast"]
    >>> verdict(found, "uniform+fifo")
    '2.000x faster than uniform+fifo (2.000x .. 2.000x), in all 6 seeds'
    """
    if difference.ci95 is None:
        return f"one seed: nothing can be said; {difference.seeds_needed} are needed"
    low, high = difference.ci95
    if not difference.shown:
        interval = f"{_signed(low)} .. {_signed(high)}"
        if difference.seeds < difference.seeds_needed:
            return f"no difference shown: {difference.seeds} seeds, {difference.seeds_needed} are needed ({interval})"
        if _apart(difference.p_holm, difference.ci95):
            count, word = (difference.worse, "slower") if low > 1 else (difference.better, "faster")
            often = f"{word} in {count} of {difference.seeds} seeds"
            return f"no difference shown: {often}, but {interval} in the mean"
        return f"no difference shown ({interval}, p = {difference.p_holm:.2g})"
    ratio, word, count = difference.ratio, "faster", difference.better
    if ratio < 1:
        ratio, low, high, word, count = 1 / ratio, 1 / high, 1 / low, "slower", difference.worse
    how_often = f"all {difference.seeds}" if count == difference.seeds else f"{count} of {difference.seeds}"
    if ratio < 1.1:
        how_much, interval = f"{ratio - 1:.1%}", f"{low - 1:.1%} .. {high - 1:.1%}"
    else:
        digits = 2 if high - low > 0.01 else 3
        how_much, interval = f"{ratio:.{digits}f}x", f"{low:.{digits}f}x .. {high:.{digits}f}x"
    return f"{how_much} {word} than {baseline} ({interval}), in {how_often} seeds"


def _signed(ratio: float) -> str:
    return f"{ratio - 1:+.1%}"
