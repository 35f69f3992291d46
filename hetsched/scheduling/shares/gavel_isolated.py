"""Equal shares, which do not depend on speeds."""

import numpy as np

from hetsched.scheduling import register
from hetsched.scheduling.shares.ledger import Array
from hetsched.scheduling.shares.rounds import BlindRounds, Demand


def equal_shares(demand: Demand) -> Array:
    """1 / n of every type's workers for each of n jobs: X_ij = N_j / (n g_i), scaled down to a sum
    of at most 1."""
    shares: Array = demand.counts / (len(demand.jobs) * demand.gangs[:, None])
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1.0)
    return shares


@register("gavel-isolated")
class GavelIsolated(BlindRounds):
    """Every job gets the same share of every type of worker, in rounds: Gavel's baseline
    "isolated".

    X_ij = N_j / (n g_i), scaled down to a sum of at most 1 (OSDI'20, section 4), for n jobs that
    take g_i workers at once, and N_j workers of type j.
    """

    def shares(self, demand: Demand) -> Array:
        return equal_shares(demand)
