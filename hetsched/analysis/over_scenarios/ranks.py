"""Average ranks over scenarios, and groups of policies that the scenarios do not distinguish.

Scenarios are the blocks of the tests, seeds never are: the seeds of one scenario are no independent
evidence.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from hetsched.analysis.over_scenarios.aggregates import BySeed, geometric_mean, in_order
from hetsched.analysis.paired import LEVEL, holm, least_seeds, signed_rank_p
from hetsched.domain.rounding import ROUNDING, level


class Pair(Struct, frozen=True):
    """Two policies; the one with the better mean rank comes first.

    `p_holm` is the p-value of Wilcoxon's signed-rank test over scenarios, corrected for the number
    of pairs. `apart`: whether it is below 0.05.
    """

    policies: tuple[str, str]
    p_holm: float
    apart: bool


class Ranking(Struct, frozen=True):
    """Policies by average rank. 1 is best, and the best comes first.

    A clique is a group of neighbours in this order in which no pair is shown to differ. Two
    policies without a common clique may still not be shown to differ: `pairs` has every pair. With
    fewer scenarios than `scenarios_needed`, no pair could be shown to differ whatever the figures,
    and there are no cliques.
    """

    ranks: dict[str, float]
    cliques: list[list[str]]
    pairs: list[Pair]
    scenarios: int
    scenarios_needed: int

    @property
    def can_tell(self) -> bool:
        """Whether there are enough scenarios to show that any two policies differ."""
        return self.scenarios >= self.scenarios_needed

    @property
    def beside_cliques(self) -> list[Pair]:
        """The pairs that are not shown to differ and have no common clique."""
        together = {pair for clique in self.cliques for pair in combinations(clique, 2)}
        return [pair for pair in self.pairs if not pair.apart and pair.policies not in together]


def ranking(policies: Mapping[str, BySeed]) -> Ranking:
    """The ranking of policies by figures of the same scenarios. Less is better. A scenario's figure
    is the geometric mean over its seeds.

    Pairs are compared by Wilcoxon's signed-rank test of the logarithms, with Holm's correction for
    all pairs. A test of mean ranks is not used: its result for two policies depends on which other
    policies take part (Benavoli, Corani and Mangili, "Should we really use post-hoc tests based on
    mean-ranks?", JMLR 2016).
    """
    means = {name: [_mean(of_one) for of_one in figures.values()] for name, figures in policies.items()}
    ranks = _average_ranks(means)
    logs = {name: np.log(of_one) for name, of_one in means.items()}
    pairs = list(combinations(ranks, 2))
    p_values = holm([signed_rank_p(_without_ties(logs[one] - logs[other])) for one, other in pairs])
    scenarios = max(map(len, logs.values()), default=0)
    needed = least_seeds(max(1, len(pairs)))
    return Ranking(
        ranks,
        cliques(list(ranks), dict(zip(pairs, p_values, strict=True))) if scenarios >= needed else [],
        [Pair(pair, p, p < LEVEL) for pair, p in zip(pairs, p_values, strict=True)],
        scenarios,
        needed,
    )


def _mean(of_one: Sequence[float]) -> float:
    return float(geometric_mean(np.asarray(of_one, dtype=float)))


def _without_ties(differences: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.abs(differences) < ROUNDING, 0.0, differences)


def _average_ranks(figures: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The mean rank over scenarios, by policy, the best first."""
    from scipy.stats import rankdata

    by_scenario = np.array([level(column) for column in zip(*figures.values(), strict=True)])
    means = dict(zip(figures, rankdata(by_scenario, axis=1).mean(axis=0).tolist(), strict=True))
    return {name: means[name] for name in in_order(means)}


def cliques(order: Sequence[str], p_values: Mapping[tuple[str, str], float]) -> list[list[str]]:
    """The longest groups of neighbours in which no pair differs. Each has at least two policies,
    and none is within another one.

    >>> cliques(["a", "b", "c"], {("a", "b"): 0.5, ("b", "c"): 0.2, ("a", "c"): 0.01})
    [['a', 'b'], ['b', 'c']]
    """
    found: list[list[str]] = []
    reached = 0
    for first in range(len(order)):
        last = first + 1
        while last < len(order) and all(p_values[before, order[last]] >= LEVEL for before in order[first:last]):
            last += 1
        if last - first > 1 and last > reached:
            found.append(list(order[first:last]))
            reached = last
    return found
