"""Average ranks over scenarios, and which policies the scenarios do not tell apart.

Scenarios are the blocks, never seeds: seeds of one scenario are no independent evidence of what a policy is worth.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from hetsched.analysis.intervals import ROUNDING, level
from hetsched.analysis.over_scenarios.aggregates import BySeed, geometric_mean, in_order
from hetsched.analysis.paired import LEVEL, holm, least_seeds, signed_rank_p


class Pair(Struct, frozen=True):
    """Two policies, the one with the better mean rank first. `p_holm` is of Wilcoxon's signed-rank test over scenarios,
    corrected for the number of pairs; `apart`: whether it is below 0.05."""

    policies: tuple[str, str]
    p_holm: float
    apart: bool


class Ranking(Struct, frozen=True):
    """`ranks` are average ranks, 1 is best, best first. A clique is a group of neighbours in that order no two of which
    the scenarios tell apart. Two policies that share no clique may still not be told apart: `pairs` has every pair.
    `scenarios_needed`: with fewer, no pair could be told apart whatever the figures, and there are no cliques."""

    ranks: dict[str, float]
    cliques: list[list[str]]
    pairs: list[Pair]
    scenarios: int
    scenarios_needed: int

    @property
    def can_tell(self) -> bool:
        """Whether there are scenarios enough to tell any two policies apart."""
        return self.scenarios >= self.scenarios_needed

    @property
    def beside_cliques(self) -> list[Pair]:
        """The pairs that are not told apart and share no clique."""
        together = {pair for clique in self.cliques for pair in combinations(clique, 2)}
        return [pair for pair in self.pairs if not pair.apart and pair.policies not in together]


def ranking(policies: Mapping[str, BySeed]) -> Ranking:
    """Of figures by the same scenarios; less is better. A scenario's figure is the geometric mean over its seeds.

    Pairs are compared by Wilcoxon's signed-rank test of the logarithms with Holm's correction for all pairs (Benavoli,
    Corani and Mangili, "Should we really use post-hoc tests based on mean-ranks?", JMLR 2016), as what mean ranks say
    of two policies depends on which others take part.
    """
    logs = {name: np.log([_mean(of_one) for of_one in figures.values()]) for name, figures in policies.items()}
    ranks = _average_ranks(logs)
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


def _average_ranks(logs: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    from scipy.stats import rankdata

    by_scenario = np.array([level(list(column)) for column in zip(*logs.values(), strict=True)])
    means = dict(zip(logs, rankdata(by_scenario, axis=1).mean(axis=0).tolist(), strict=True))
    return {name: means[name] for name in in_order(means)}


def cliques(order: Sequence[str], p_values: Mapping[tuple[str, str], float]) -> list[list[str]]:
    """The longest groups of neighbours in which no pair differs, each of two policies at least, none within another.

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
