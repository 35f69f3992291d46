"""Paired statistics: how two strategies differ that ran under the same seeds.

All functions are pure. Their figures are seconds: less is better. docs/statistics.md explains the
statistics. `verdicts.py` puts them into words. `scipy.stats` is imported where it is needed: that
takes half a second, and processes that simulate do not need it.
"""

from collections.abc import Mapping, Sequence
from math import exp, sqrt
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr

from hetsched.analysis.intervals import interval
from hetsched.domain.rounding import ROUNDING, level

LEVEL = 0.05
"""The probability of showing a difference that does not exist, for all strategies of a comparison
together."""

SEEDS_NEEDED = 3
"""With fewer seeds no difference is shown."""

FEW_SEEDS = 5.0
"""The factor on the t-test's p-value if there are too few seeds for ranks to show anything. The
t-test assumes normal differences, and few seeds cannot show whether they are normal."""

EXACT_RANKS = 1000
"""Up to this many values the signed-rank test is exact."""

Array = NDArray[np.float64]


class Difference(Struct, frozen=True):
    """How a figure of a strategy differs from the baseline's, paired by seed. Less is better.

    Seeds are alike if the ratio is the same under every one, as it is without noise. They then
    count as one run, and nothing is tested: `ci95`, `p_value` and `p_holm` are None, as with one
    seed.

    - ratio: the geometric mean over the seeds of baseline / strategy. Above 1 the strategy is
      better.
    - ci95: the 95% interval of the ratio, by Student's t of its logarithm.
    - p_value: the result of `paired_p`. p_holm: corrected for the number of strategies or scenarios
      that are tested.
    - rank_biserial: the effect size by ranks, from -1 (worse under every seed) to 1 (better under
      every seed).
    - better, worse: under how many seeds the strategy is so. The rest are ties.
    - seeds: how many pairs there are. seeds_needed: with fewer, no difference is shown.
    - shown: whether a difference is shown. p_holm is below 0.05, ratio and rank_biserial point the
      same way, and the ratio differs from 1 by more than rounding. Then 1 is not in ci95.
    """

    ratio: float
    ci95: tuple[float, float] | None
    p_value: float | None
    p_holm: float | None
    rank_biserial: float
    better: int
    worse: int
    seeds: int
    seeds_needed: int
    shown: bool

    @property
    def alike(self) -> bool:
        """Whether there are several seeds and the ratio is the same under each of them."""
        return self.seeds > 1 and self.ci95 is None

    @property
    def width(self) -> float | None:
        """The width of the interval as a share of the ratio. It is the same for the inverse ratio.
        None: one seed."""
        if self.ci95 is None:
            return 0.0 if self.alike else None
        return self.ci95[1] / self.ci95[0] - 1


class RankAgreement(Struct, frozen=True):
    """Whether the strategies come in the same order under every seed.

    `kendall_w` is Kendall's coefficient of concordance. It is 1 if they do, and about 0 if the
    order is random. None: there is one seed or one strategy. `kendall_tau` compares the two orders
    if there are two seeds.
    """

    kendall_w: float | None
    kendall_tau: float | None


def differences(baseline: Sequence[float], others: Mapping[str, Sequence[float]]) -> dict[str, Difference]:
    """How each of the others differs from the baseline. All values are above 0, and in the same
    order of seeds.

    >>> found = differences([10.0, 10.1, 9.9], {"twice as fast": [5.0, 5.0, 5.0]})["twice as fast"]
    >>> round(found.ratio, 3), found.better, round(found.p_value, 6), found.shown
    (2.0, 3, 0.000347, True)
    """
    return differences_of_pairs({name: (baseline, values) for name, values in others.items()})


def differences_of_pairs(pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, Difference]:
    """How the second of each pair differs from the first, which is its baseline. All pairs are one
    family of tests: the p-values are corrected once, for the number of pairs that are tested."""
    logs = {name: _log_ratios(baseline, values) for name, (baseline, values) in pairs.items()}
    intervals = {name: interval(of_one.tolist()) for name, of_one in logs.items()}
    tested = [name for name, found in intervals.items() if found is not None]
    p_values = {name: paired_p(logs[name], len(tested)) for name in tested}
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return {
        name: _difference(of_one, intervals[name], p_values.get(name), corrected.get(name))
        for name, of_one in logs.items()
    }


def _log_ratios(baseline: Sequence[float], values: Sequence[float]) -> Array:
    """The logarithms of the ratios. A ratio that differs from 1 only by rounding is a tie: exactly
    0."""
    logs = np.log(baseline) - np.log(values)
    return np.where(np.abs(logs) < ROUNDING, 0.0, logs)


def _difference(
    logs: Array, found: tuple[float, float] | None, p_value: float | None, p_holm: float | None
) -> Difference:
    effect, mean = rank_biserial(logs), float(logs.mean())
    return Difference(
        ratio=exp(mean),
        ci95=None if found is None else (exp(found[0]), exp(found[1])),
        p_value=p_value,
        p_holm=p_holm,
        rank_biserial=effect,
        better=int((logs > 0).sum()),
        worse=int((logs < 0).sum()),
        seeds=len(logs),
        seeds_needed=SEEDS_NEEDED,
        shown=p_holm is not None and p_holm < LEVEL and effect * mean > 0 and abs(mean) > ROUNDING,
    )


def paired_p(values: ArrayLike, strategies: int) -> float:
    """The two-sided p-value of the hypothesis that there is no difference. The values must not all
    be the same.

    `strategies` says how many strategies are compared with the baseline, or on how many scenarios
    one is.

    - From `least_seeds(strategies)` seeds on: the greater p-value of the t-test and of the
      signed-rank test. So both the mean and the ranks must show the difference.
    - With fewer seeds ranks cannot show anything: the t-test's p-value times `FEW_SEEDS`. It is 1
      unless all differences point the same way.
    - With fewer seeds than `SEEDS_NEEDED`: 1.

    >>> round(paired_p([0.370, 0.371, 0.372], 1), 5), paired_p([1.0, 2.0, -0.1], 1), paired_p([1.0, 1.1], 1)
    (1e-05, 1.0, 1.0)
    """
    array = np.asarray(values, dtype=float)
    if len(array) >= least_seeds(strategies):
        return max(t_test_p(array), signed_rank_p(array))
    if len(array) < SEEDS_NEEDED or not ((array > 0).all() or (array < 0).all()):
        return 1.0
    return min(1.0, FEW_SEEDS * t_test_p(array))


def t_test_p(values: ArrayLike) -> float:
    """The two-sided p-value of Student's t-test that the mean of the values is 0. They must not all
    be the same.

    >>> round(t_test_p([1.0, 2.0, 3.0]), 4)
    0.0742
    """
    array = np.asarray(values, dtype=float)
    t = abs(array.mean()) / (array.std(ddof=1) / sqrt(len(array)))
    return float(2 * stdtr(len(array) - 1, -t))


def signed_rank_p(values: ArrayLike) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test that the values are symmetric about 0.

    Zeros are left out. Sizes that tie have their mean rank. Every sign is equally likely, so the
    distribution of the ranks' sum follows from the sizes. It is computed up to `EXACT_RANKS`
    values. Beyond, it is the normal one, corrected for continuity.

    >>> signed_rank_p([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    0.03125
    >>> signed_rank_p([1.0, 1.0, 1.0, 1.0, 1.0, -1.0])  # 7 of 64 signs are as uneven, to each side
    0.21875
    >>> signed_rank_p([0.0, 0.0])
    1.0
    """
    array = _with_ties(values)
    if not len(array):
        return 1.0
    from scipy.stats import rankdata

    doubled = np.rint(2 * rankdata(np.abs(array))).astype(np.int64)
    ranks = doubled // np.gcd.reduce(doubled)
    positive = int(ranks[array > 0].sum())
    smaller = min(positive, int(ranks.sum()) - positive)
    return min(1.0, 2 * (_at_most(smaller, ranks) if len(ranks) <= EXACT_RANKS else _about_at_most(smaller, ranks)))


def _at_most(limit: int, ranks: NDArray[np.int64]) -> float:
    """The probability that the ranks with positive signs add up to at most `limit`."""
    chances = np.zeros(limit + 1)
    chances[0] = 1.0
    for rank in ranks[ranks <= limit]:
        chances[rank:] += chances[:-rank].copy()
    return float(chances.sum() / 2.0 ** len(ranks))


def _about_at_most(limit: int, ranks: NDArray[np.int64]) -> float:
    """The same by the normal distribution."""
    spread = sqrt(float((ranks.astype(float) ** 2).sum())) / 2
    return float(ndtr((limit + 0.5 - ranks.sum() / 2) / spread))


def rank_biserial(values: ArrayLike) -> float:
    """The matched-pairs rank-biserial correlation (Kerby 2014).

    Values are ranked by size. The result is the ranks of the positive values minus the ranks of the
    negative values, as a share of all ranks. Zeros are left out. 0: there are only zeros.

    >>> rank_biserial([-1.0, 2.0, 3.0])
    0.6666666666666666
    """
    array = _with_ties(values)
    if not len(array):
        return 0.0
    from scipy.stats import rankdata

    ranks = rankdata(np.abs(array))
    return float((ranks * np.sign(array)).sum() / ranks.sum())


def _with_ties(values: ArrayLike) -> NDArray[np.float64]:
    """The values without zeros. Sizes that differ only by rounding become equal, so their ranks do
    not follow from their last digits.

    >>> _with_ties([0.0, 0.3, -(0.1 + 0.2)]).tolist()
    [0.3, -0.3]
    """
    array: NDArray[np.float64] = np.asarray(values, dtype=float)
    array = array[array != 0]
    places = np.argsort(np.abs(array))
    sizes = np.abs(array)[places]
    steps = np.diff(sizes, prepend=-np.inf) > ROUNDING * np.maximum(1.0, sizes)
    array[places] = np.sign(array[places]) * sizes[steps][np.cumsum(steps) - 1]
    return array


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values with Holm's correction (Holm 1979).

    If no difference exists, the chance that any corrected p-value falls below LEVEL is at most
    LEVEL.

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
    """The number of seeds from which ranks can show a difference, if `strategies` are compared with
    a baseline.

    If n pairs all point one way, the signed-rank test gives p = 2 / 2**n. Holm's correction
    multiplies it.

    >>> least_seeds(1), least_seeds(7)
    (6, 9)
    """
    seeds = 1
    while strategies * 2 / 2**seeds >= LEVEL:
        seeds += 1
    return seeds


def rank_agreement(values: Sequence[Sequence[float]]) -> RankAgreement:
    """The agreement of values of shape (strategies, seeds). Strategies that differ only by rounding
    are ties.

    >>> rank_agreement([[1.0, 1.5, 1.0], [2.0, 3.0, 2.5], [4.0, 4.0, 4.0]]).kendall_w
    1.0
    >>> rank_agreement([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])
    RankAgreement(kendall_w=0.0, kendall_tau=-1.0)
    """
    by_seed = np.asarray([level(of_seed) for of_seed in zip(*values, strict=True)], dtype=float)
    seeds, strategies = by_seed.shape
    if seeds < 2 or strategies < 2:
        return RankAgreement(None, None)
    from scipy.stats import kendalltau

    tau = float(kendalltau(by_seed[0], by_seed[1]).statistic) if seeds == 2 else None
    return RankAgreement(_kendall_w(by_seed), tau if tau is None or np.isfinite(tau) else None)


def _kendall_w(by_seed: NDArray[Any]) -> float | None:
    """W = S / (m^2 (n^3 - n) / 12 - m sum (t^3 - t) / 12) for m seeds and n strategies (Kendall and
    Gibbons 1990).

    S is the sum of the squared deviations of the strategies' rank sums. The t are the sizes of
    ties. None: all tie.
    """
    from scipy.stats import rankdata

    seeds, strategies = by_seed.shape
    sums = rankdata(by_seed, axis=1).sum(axis=0)
    ties = sum(float((sizes**3 - sizes).sum()) for row in by_seed for sizes in [np.unique(row, return_counts=True)[1]])
    most = (seeds**2 * (strategies**3 - strategies) - seeds * ties) / 12
    return float(((sums - sums.mean()) ** 2).sum() / most) if most > 0 else None
