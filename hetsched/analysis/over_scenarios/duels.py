"""Two policies over many scenarios: where each is better, where they are alike, and how likely one
beats the other."""

from collections.abc import Sequence
from math import exp, isclose, log
from statistics import fmean

from msgspec import Struct

from hetsched.analysis.over_scenarios.aggregates import BySeed
from hetsched.analysis.paired import Difference, differences_of_pairs
from hetsched.domain.rounding import ROUNDING

EQUIVALENCE = 0.01
"""Ratios whose distance from 1 is at most this count as 1."""

OUTCOMES = ("win", "alike", "loss", "open")


class Duel(Struct, frozen=True):
    """The result of one policy against another. The lists name scenarios.

    - win, loss: a difference is shown (`Difference.shown`, corrected for the number of scenarios) or
      the ratio is the same under every seed, and the ratio is outside the region of equivalence
    - alike: the whole 95% interval of the ratio lies within the region of equivalence
    - open: neither; more seeds would decide
    - beats: the probability that the policy has the smaller figure under a seed of a scenario, both
      drawn at random; ties count half
    - ratio: the geometric mean over scenarios of the other's figure / the policy's: above 1 the
      policy is better
    """

    win: list[str]
    alike: list[str]
    loss: list[str]
    open: list[str]
    beats: float
    ratio: float


def duel(policy: BySeed, other: BySeed) -> Duel:
    """The duel by figures of the same scenarios and the same seeds in the same order. Less is
    better."""
    found = by_scenario(policy, other)
    outcomes = {name: _outcome(difference) for name, difference in found.items()}
    return Duel(
        **{which: [name for name, outcome in outcomes.items() if outcome == which] for which in OUTCOMES},
        beats=fmean(beating(policy[name], other[name]) for name in policy),
        ratio=exp(fmean(log(difference.ratio) for difference in found.values())),
    )


def by_scenario(policy: BySeed, other: BySeed) -> dict[str, Difference]:
    """How the policy differs from the other on each scenario; `p_holm` is corrected for the number
    of scenarios."""
    return differences_of_pairs({name: (other[name], policy[name]) for name in policy})


def _outcome(difference: Difference) -> str:
    """The outcome on one scenario. Seeds that are alike count as one run: then the ratio itself
    decides."""
    ratio = difference.ratio
    if within(*(difference.ci95 or (ratio, ratio))) and (difference.ci95 or difference.alike):
        return "alike"
    if not (difference.shown or difference.alike) or within(ratio, ratio):
        return "open"
    return "win" if ratio > 1 else "loss"


def within(low: float, high: float) -> bool:
    """Whether both ratios are within the region of equivalence around 1.

    >>> within(0.995, 1.005), within(0.995, 1.02)
    (True, False)
    """
    return low >= 1 / (1 + EQUIVALENCE) - ROUNDING and high <= 1 + EQUIVALENCE + ROUNDING


def beating(policy: Sequence[float], other: Sequence[float]) -> float:
    """The share of all pairs, one seed of each, in which the policy has the smaller figure. Ties
    count half.

    >>> beating([1.0, 2.0], [1.0, 3.0])
    0.625
    """
    pairs = [0.5 if isclose(a, b, rel_tol=ROUNDING) else float(a < b) for a in policy for b in other]
    return fmean(pairs)
