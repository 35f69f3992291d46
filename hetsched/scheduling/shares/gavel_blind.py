"""What policies that are blind to speeds take for granted."""

import numpy as np

from hetsched.scheduling.shares.rounds import Demand


def blind(demand: Demand) -> Demand:
    """Every job is as fast on every type that it can run on as on its fastest.

    Gavel's blind twins take the V100's speed, which is nearly always the fastest.
    """
    fastest = demand.speeds.max(axis=1, keepdims=True)
    return demand._replace(speeds=np.where(demand.speeds > 0, fastest, 0.0))
