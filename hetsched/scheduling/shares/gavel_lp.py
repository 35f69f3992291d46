"""The linear program behind Gavel's policies, and the middle of its solutions."""

from typing import NamedTuple

import numpy as np

from hetsched.scheduling.shares.ledger import Array
from hetsched.scheduling.shares.rounds import Demand

MARGIN = 1e-4
"""The middle is taken of the shares that give every job its rate less this part of the rate."""

NEWTON_STEPS = 60
"""The limit of Newton steps. About 15 are needed: the program has no hard cases."""


class Load(NamedTuple):
    """`load` is the part that the jobs' rates take of the cluster or of a job's time, whichever is
    scarcer. 1 is all. `shares`, X[job, type], give the rates. `prices[job]` are d load / d rate."""

    load: float
    shares: Array
    prices: Array


def least_load(rates: Array, demand: Demand) -> Load:
    """Give every job its rate (iterations per second) with the least load.

        minimise z  subject to  sum_j s_ij X_ij >= rate_i,   sum_j X_ij <= z,   sum_i g_i X_ij <= z N_j,   X >= 0

    The speeds are s, the gangs g, and the workers of type j are N_j. Jobs that cannot run anywhere
    get nothing.

    Jobs of the same speeds and gang are one group. The group's time is divided in proportion to
    their rates. Jobs that would then need more than z of their own time leave their group, until
    there are none. The result is exact: the program of the groups lacks some constraints of the
    whole program. So if its solution satisfies them, it solves the whole program.
    """
    fastest = _fastest(demand)
    times = np.where(demand.speeds.any(axis=1), rates / fastest, 0.0)
    scale = float(times.max())
    if scale <= 0:
        return Load(0.0, np.zeros_like(demand.speeds), np.zeros_like(times))
    group = np.unique(np.column_stack([demand.speeds, demand.gangs]), axis=0, return_inverse=True)[1]
    while True:
        _, first, group = np.unique(group, return_index=True, return_inverse=True)
        needed = np.bincount(group, times / scale).astype(float)
        sizes = np.bincount(group).astype(float)
        speeds = (demand.speeds / fastest[:, None])[first]
        load, together, prices = _solve(needed, speeds, demand.gangs[first], sizes, demand.counts)
        part = times / scale / np.where(needed > 0, needed, 1.0)[group]
        shares = together[group] * part[:, None]
        leave = (shares.sum(axis=1) > load * (1 + 1e-7)) & (sizes[group] > 1)
        if not leave.any():
            return Load(load * scale, shares * scale, prices[group] / fastest)
        group = np.where(leave, len(sizes) + np.arange(len(group)), group)


def _solve(rates: Array, speeds: Array, gangs: Array, sizes: Array, counts: Array) -> tuple[float, Array, Array]:
    """The program for groups of `sizes` jobs. Returns the load, shares by group and type, and
    prices by group."""
    from scipy.optimize import linprog  # here, as it takes a quarter of a second
    from scipy.sparse import coo_array

    groups, types = speeds.shape
    i, j = np.nonzero(speeds > 0)
    pairs = np.arange(len(i))
    rows = np.concatenate([i, groups + i, 2 * groups + j, groups + np.arange(groups + types)])
    columns = np.concatenate([pairs, pairs, pairs, np.full(groups + types, len(i))])
    values = np.concatenate([-speeds[i, j], np.ones(len(i)), gangs[i], -sizes, -counts])
    solution = linprog(
        np.append(np.zeros(len(i)), 1.0),
        A_ub=coo_array((values, (rows, columns)), shape=(2 * groups + types, len(i) + 1)).tocsr(),
        b_ub=np.concatenate([-rates, np.zeros(groups + types)]),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-9},
    )
    assert solution.success, "load is not limited, and every group with a rate can run somewhere"
    shares = np.zeros((groups, types))
    shares[i, j] = solution.x[:-1]
    return float(solution.x[-1]), shares, -solution.ineqlin.marginals[:groups]


def central_shares(rates: Array, demand: Demand, start: Array) -> Array:
    """The shares in the middle of all shares that give every job its rate, found from any of them.

        maximise  sum_i [log(sum_j s_ij X_ij - rate_i) + log(1 - sum_j X_ij) + sum_j log X_ij]
                  + sum_j log(N_j - sum_i g_i X_ij)

    This is the analytic centre (Boyd and Vandenberghe, "Convex Optimization", 8.5.3). What the
    rates leave over is spread over all jobs and types. HiGHS ends in a corner, which would be
    arbitrary. Gavel's interior-point solver ends near the centre.
    """
    fastest = _fastest(demand)
    alike = np.column_stack([demand.speeds, demand.gangs, rates])
    _, first, group = np.unique(alike, axis=0, return_index=True, return_inverse=True)
    centre = _Centre(
        demand.speeds[first] / fastest[first, None],
        (rates / fastest)[first] * (1 - MARGIN),
        np.bincount(group).astype(float),
        demand.gangs[first],
        demand.counts,
    )
    return centre.find(start[first])[group]


class _Centre:
    """The analytic centre for groups of `size` like jobs each, by Newton's method with
    backtracking."""

    def __init__(self, speeds: Array, rates: Array, size: Array, gangs: Array, counts: Array) -> None:
        self._able = speeds > 0
        self._runs = self._able.any(axis=1)
        self._wanted = self._able.any(axis=0)
        self._speeds, self._rates, self._size = speeds, rates, size
        self._taken, self._counts = np.where(self._able, (size * gangs)[:, None], 0.0), counts

    def find(self, start: Array) -> Array:
        shares = self._inside(start)
        value = self._value(shares)
        if not np.isfinite(value):
            return start
        for _ in range(NEWTON_STEPS):
            step, gain = self._newton(shares)
            if gain < 1e-6:
                break
            length = 1.0
            while (new := self._value(shares + length * step)) < value + 0.1 * length * gain and length > 1e-9:
                length /= 2
            shares, value = shares + length * step, new
        return shares

    def _inside(self, start: Array) -> Array:
        """A point off all walls: a little less than the start, and a little of everything."""
        wanted = self._taken.sum(axis=0)[self._wanted]
        little = MARGIN / 8 * min(1 / start.shape[1], np.min(self._counts[self._wanted] / wanted, initial=1.0))
        return np.where(self._able, start * (1 - MARGIN / 2) + little, 0.0)

    def _slacks(self, shares: Array) -> tuple[Array, Array, Array]:
        return (
            np.where(self._runs, (self._speeds * shares).sum(axis=1) - self._rates, 1.0),
            1 - shares.sum(axis=1),
            np.where(self._wanted, self._counts - (self._taken * shares).sum(axis=0), 1.0),
        )

    def _value(self, shares: Array) -> float:
        rate, time, room = self._slacks(shares)
        share = np.where(self._able, shares, 1.0)
        if min(rate.min(), time.min(), room.min(), share.min()) <= 0:
            return -np.inf
        own = np.log(rate) + np.log(time) + np.log(share).sum(axis=1)
        return float(self._size @ own + np.log(room).sum())

    def _newton(self, shares: Array) -> tuple[Array, float]:
        """The Newton step, and how much it gains to first order.

        The Hessian has a block for every group, and one row for every type: groups interact only
        where a type is scarce.
        """
        rate, time, room = self._slacks(shares)
        size, able, speeds = self._size[:, None], self._able, self._speeds
        share = np.where(able, shares, 1.0)
        steep = speeds / rate[:, None]
        slope = np.where(able, size * (steep - 1 / time[:, None] + 1 / share) - self._taken / room, 0.0)
        both = able[:, :, None] & able[:, None, :]
        blocks = np.where(both, steep[:, :, None] * steep[:, None, :] + (1 / time**2)[:, None, None], 0.0)
        blocks[:, range(len(room)), range(len(room))] += 1 / share**2
        inverse = np.linalg.inv(blocks) / size[:, :, None]
        # Sherman, Morrison and Woodbury
        alone = (inverse @ slope[:, :, None])[:, :, 0]
        spread = inverse * self._taken[:, None, :]
        meeting = np.diag(room**2) + (self._taken[:, :, None] * spread).sum(axis=0)
        step = alone - spread @ np.linalg.solve(meeting, (self._taken * alone).sum(axis=0))
        return np.where(able, step, 0.0), float((slope * step).sum())


def _fastest(demand: Demand) -> Array:
    """Each job's speed on its fastest type. 1: it cannot run."""
    fastest = demand.speeds.max(axis=1)
    return np.where(fastest > 0, fastest, 1.0)
