"""The least time in which all jobs could end."""

from hetsched.scheduling import register
from hetsched.scheduling.shares.gavel_blind import blind
from hetsched.scheduling.shares.gavel_lp import central_shares, least_load
from hetsched.scheduling.shares.ledger import Array
from hetsched.scheduling.shares.rounds import BlindRounds, Demand, Rounds

FROM_S, TO_S, CLOSE = 100.0, 1e6, 1.05
"""Gavel halves the interval between these times (seconds) until the ratio of its ends is at most
this factor."""


@register("gavel-makespan")
class GavelMakespan(Rounds):
    """Time shares of unequal workers by which the last job ends soonest, in rounds.

    Gavel (OSDI'20, section 4.2): the smallest T for which some X has

        sum_j s_ij X_ij >= R_i / T,   sum_j X_ij <= 1,   sum_i g_i X_ij <= N_j,   X >= 0

    R_i is the iterations that job i has left, s_ij its speed on type j, g_i its gang, and N_j the
    workers of type j. As in Gavel's code, T is up to 5% above the smallest.
    """

    def shares(self, demand: Demand) -> Array:
        return makespan_shares(demand)


@register("gavel-makespan-blind")
class GavelMakespanBlind(BlindRounds):
    """`gavel-makespan` blind to speeds: every type of worker counts as fast as the job's fastest
    type, in rounds."""

    def shares(self, demand: Demand) -> Array:
        return makespan_shares(blind(demand))


def makespan_shares(demand: Demand) -> Array:
    least, shares, _ = least_load(demand.remaining, demand)
    return central_shares(demand.remaining / bisected(least), demand, shares / least) if least else shares


def bisected(least: float) -> float:
    """The time at which Gavel's bisection ends when the smallest feasible time is `least`."""
    low, high = FROM_S, TO_S
    while high < least:
        low, high = high, 10 * high
    if least <= low:
        return least * CLOSE
    while low * CLOSE < high:
        middle = (low + high) / 2
        low, high = (low, middle) if least <= middle else (middle, high)
    return high
