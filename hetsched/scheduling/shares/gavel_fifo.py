"""First in, first out, each on the fastest type of worker that is free."""

import numpy as np

from hetsched.scheduling import register
from hetsched.scheduling.shares.ledger import Array
from hetsched.scheduling.shares.rounds import Demand, Rounds


@register("gavel-fifo")
class GavelFifo(Rounds):
    """First come, first served, each job on the fastest type of worker that has room, in rounds:
    Gavel's `fifo_perf`.

    In the order of arrival, a job gets all of its time on one type. Of the types with enough free
    workers it is the one on which the job is fastest (of equally fast ones the first). The first
    job that fits nowhere ends the queue. A job for which the whole cluster is too small is skipped.
    """

    fills_up = False

    def shares(self, demand: Demand) -> Array:
        shares = np.zeros_like(demand.speeds)
        free = demand.counts.copy()
        for job, gang in enumerate(demand.gangs):
            speeds = np.where(free >= gang, demand.speeds[job], 0.0)
            if not free.any() or not (speeds.any() or not demand.speeds[job].any()):
                break
            if speeds.any():
                shares[job, speeds.argmax()] = 1.0
                free[speeds.argmax()] -= gang
        return shares
