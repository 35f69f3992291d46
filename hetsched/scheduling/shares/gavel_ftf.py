"""Finish-time fairness: no job ends much later than with an equal share of the cluster."""

from typing import NamedTuple

import numpy as np

from hetsched.domain.workload import TrialId
from hetsched.scheduling import register
from hetsched.scheduling.shares.gavel_blind import blind
from hetsched.scheduling.shares.gavel_isolated import equal_shares
from hetsched.scheduling.shares.gavel_lp import central_shares, least_load
from hetsched.scheduling.shares.ledger import Array
from hetsched.scheduling.shares.rounds import BlindRounds, Demand, Rounds

CLOSE = 1e-6
"""The load may exceed 1 by this."""


@register("gavel-ftf")
class GavelFtf(Rounds):
    """Time shares of unequal workers that are fair by finish time: the worst ratio to equal shares
    is least, in rounds.

    Gavel's form (OSDI'20, section 4.2) of Themis (NSDI'20): minimise over X the maximum over the
    jobs i of

        (a_i + R_i / sum_j s_ij X_ij) / (e_i + R_i / sum_j s_ij E_ij)   subject to the constraints of `gavel-las`

    - a_i: the age of the job
    - R_i: the iterations that it has left
    - s_ij: its speed on type j
    - E: the shares of `gavel-isolated`
    - e_i: the seconds that its work so far would have taken with the shares E of that time
    """

    def __init__(self, round_s: float = 360.0, reallocation_s: float = 1920.0) -> None:
        super().__init__(round_s, reallocation_s)
        self._alone = TimeAlone()

    def shares(self, demand: Demand) -> Array:
        return fair_shares(demand, self._alone.seconds(demand))


@register("gavel-ftf-blind")
class GavelFtfBlind(BlindRounds):
    """`gavel-ftf` blind to speeds: every type of worker counts as fast as the job's fastest type,
    in rounds."""

    def __init__(self, round_s: float = 360.0, reallocation_s: float = 1920.0, seed: int = 0) -> None:
        super().__init__(round_s, reallocation_s, seed)
        self._alone = TimeAlone()

    def shares(self, demand: Demand) -> Array:
        demand = blind(demand)
        return fair_shares(demand, self._alone.seconds(demand))


class Work(NamedTuple):
    """A job's work: the iterations that it has `left`, and the iterations that it had at first
    (`whole`). `seconds` is the time that the difference would have taken with equal shares. `speed`
    is its speed with equal shares."""

    whole: float
    left: float
    seconds: float
    speed: float

    def spent(self, left: float) -> float:
        """The seconds that its work would have taken with equal shares until `left` iterations are
        left. If work was lost, the share of these seconds that the lost work took does not
        count."""
        if left > self.left:
            return self.seconds * max(0.0, self.whole - left) / (self.whole - self.left) if self.seconds else 0.0
        return self.seconds + ((self.left - left) / self.speed if self.speed else 0.0)


class TimeAlone:
    """The seconds that each job would take in all with equal shares. It remembers the shares of
    earlier times."""

    def __init__(self) -> None:
        self._before: dict[TrialId, Work] = {}

    def seconds(self, demand: Demand) -> Array:
        speeds = (demand.speeds * equal_shares(demand)).sum(axis=1)
        spent = np.zeros(len(demand.jobs))
        now: dict[TrialId, Work] = {}
        for place, (job, left) in enumerate(zip(demand.jobs, demand.remaining.tolist(), strict=True)):
            before = self._before.get(job) or Work(left, left, 0.0, 0.0)
            spent[place] = before.spent(left)
            now[job] = Work(before.whole, left, float(spent[place]), float(speeds[place]))
        self._before = now
        return spent + demand.remaining / np.where(speeds > 0, speeds, 1.0)


def fair_shares(demand: Demand, alone: Array) -> Array:
    """The shares for which the worst ratio of finish times is least.

    The worst ratio is found by Newton's method from below:

    1. For a ratio, each job needs the rate R / (ratio x alone - age).
    2. The load of these rates falls with the ratio, and is convex.
    3. So the tangent of the load, which the prices give, meets 1 at most at the ratio sought.
    4. The first ratio is the one at which each job has its fastest type to itself.
    """
    fastest = demand.speeds.max(axis=1)
    able = fastest > 0
    work, ages, alone = demand.remaining[able], demand.ages[able], alone[able]
    if not able.any():
        return np.zeros_like(demand.speeds)
    rates = np.zeros(len(able))
    ratio = float(np.max((ages + work / fastest[able]) / alone))
    while True:
        rates[able] = work / (ratio * alone - ages)
        load, shares, prices = least_load(rates, demand)
        higher = _root(prices[able] * work, alone, ages, ratio)
        if load <= 1 + CLOSE or higher <= ratio:
            return central_shares(rates / load, demand, shares / load)
        ratio = higher


def _root(weights: Array, alone: Array, ages: Array, ratio: float) -> float:
    """Where sum weights / (ratio x alone - ages) falls to 1. It is `ratio` if the sum is at most 1
    there."""
    while True:
        slack = ratio * alone - ages
        excess = (weights / slack).sum() - 1
        if excess <= CLOSE / 10:
            return ratio
        ratio += excess / (weights * alone / slack**2).sum()
