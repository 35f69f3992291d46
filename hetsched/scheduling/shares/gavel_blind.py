"""The speeds that policies assume if they are blind to speeds."""

import numpy as np

from hetsched.scheduling.shares.rounds import Demand


def blind(demand: Demand) -> Demand:
    """The demand in which every job is as fast on all types that it can run on as on its fastest
    type.

    Gavel's blind twins use the V100's speed, which is nearly always the fastest.
    """
    fastest = demand.speeds.max(axis=1, keepdims=True)
    return demand._replace(speeds=np.where(demand.speeds > 0, fastest, 0.0))
