"""Max-min fairness: Gavel's least attained service."""

from hetsched.scheduling import register
from hetsched.scheduling.shares.gavel_isolated import equal_shares
from hetsched.scheduling.shares.gavel_lp import central_shares, least_load
from hetsched.scheduling.shares.ledger import Array
from hetsched.scheduling.shares.rounds import BlindRounds, Demand, Rounds


@register("gavel-las")
class GavelLas(Rounds):
    """Time shares of unequal workers by which the job that gains least gains most (max-min
    fairness), in rounds.

    Gavel (OSDI'20, section 4.1): maximise over X the minimum over the jobs i of

        g_i sum_j s_ij X_ij / p_i    subject to  sum_j X_ij <= 1,  sum_i g_i X_ij <= N_j,  X >= 0

    - s_ij: the speed of job i on type j
    - g_i: the gang of job i
    - N_j: the number of workers of type j
    - p_i = sum_j s_ij N_j / sum_j N_j: the speed of job i on an average worker
    """

    def shares(self, demand: Demand) -> Array:
        average = demand.speeds @ demand.counts / demand.counts.sum()
        load, shares, _ = least_load(average / demand.gangs, demand)
        return central_shares(average / demand.gangs / load, demand, shares / load) if load else shares


@register("gavel-las-blind")
class GavelLasBlind(BlindRounds):
    """Equal time shares of all types of workers: max-min fairness that is blind to speeds, in
    rounds.

    If all speeds are equal, the shares of `gavel-isolated` solve the program of `gavel-las`.
    """

    def shares(self, demand: Demand) -> Array:
        return equal_shares(demand)
