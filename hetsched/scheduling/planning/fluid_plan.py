"""The fluid plan: how soon the work that is left could end if trials could move at any moment and
at no cost.

It is the linear program of Lawler and Labetoulle (J. ACM 1978) over groups of like trials g and
worker types m:

    minimise T   subject to   sum_m s_gm x_gm >= W_g,   sum_m x_gm <= n_g T,   sum_g x_gm <= C_m T

- x_gm: the seconds that trials of g spend on workers of m
- s_gm: their iterations per second there
- W_g: the iterations that g has left
- n_g, C_m: the numbers of trials and of workers

The dual prices say which pairs belong together: y_g s_gm <= mu_g + pi_m, with equality wherever
x_gm > 0.

- y_g: the worth of an iteration
- mu_g: the worth of a second of the trial
- pi_m: the worth of a second of the worker
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class FluidPlan(NamedTuple):
    """The solution. `length` is T in seconds. `seconds` are the x_gm.

    - Per group: `pace`, the seconds of an iteration on the planned mix of workers. `price`, the
      y_g.
    - Per pair: `loss`, by what share an iteration there costs more than its worth. 0 where the plan
      may have it.
    - Per type: `worth` of a second.
    """

    length: float
    seconds: Array
    pace: Array
    loss: Array
    worth: Array
    price: Array


def fluid_plan(
    speeds: Array,
    work: Sequence[float],
    trials: Sequence[int],
    workers: Sequence[int],
    gangs: Sequence[int] | None = None,
) -> FluidPlan:
    """The plan for all groups and types. Every group must be able to run on some type.

    `speeds` has shape (groups, types), in iterations per second. 0: the group cannot run there. By
    group: `work` is the iterations left, `trials` how many there are, `gangs` how many workers a
    trial takes at once (None: one). `workers` is how many there are of each type.
    """
    from scipy.optimize import linprog  # here, as it takes a quarter of a second
    from scipy.sparse import coo_array

    groups, types = speeds.shape
    g, m = np.nonzero(speeds > 0)
    columns = np.arange(len(g))
    taken = np.ones(groups) if gangs is None else np.asarray(gangs, dtype=float)
    last = len(g)
    rows = np.concatenate([g, groups + g, 2 * groups + m, groups + np.arange(groups + types)])
    every = np.concatenate([columns, columns, columns, np.full(groups + types, last)])
    values = np.concatenate([-speeds[g, m], np.ones(len(g)), taken[g], -np.asarray([*trials, *workers], dtype=float)])
    matrix = coo_array((values, (rows, every)), shape=(2 * groups + types, last + 1)).tocsr()
    limits = np.concatenate([-np.asarray(work, dtype=float), np.zeros(groups + types)])
    objective = np.zeros(last + 1)
    objective[last] = 1.0
    solution = linprog(objective, A_ub=matrix, b_ub=limits, method="highs")
    assert solution.success, "every group can run somewhere, so time is enough"
    seconds = np.zeros((groups, types))
    seconds[g, m] = solution.x[:last]
    prices = -solution.ineqlin.marginals
    gain = prices[:groups, None] * speeds
    price = prices[groups : 2 * groups, None] + taken[:, None] * prices[None, 2 * groups :]
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.where(gain > 0, np.maximum(0.0, price / gain - 1), np.inf)
        loss[(price < 1e-9) & (speeds > 0)] = 0.0  # neither the trial's time nor the worker's is scarce
        pace = seconds.sum(axis=1) / (seconds * speeds).sum(axis=1)
    return FluidPlan(float(solution.fun), seconds, pace, loss, prices[2 * groups :], prices[:groups])
