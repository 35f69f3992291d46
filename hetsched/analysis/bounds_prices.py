"""Prices of the resources, by which the cluster becomes one machine."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np

from hetsched.analysis.bounds_groups import Groups, Way, resource_parts
from hetsched.analysis.linear_program import minimise

Work = tuple[tuple[tuple[Way, ...], float], ...]
"""Pairs: the ways of a kind of job, and the iterations of all jobs of the kind, in any unit."""


@lru_cache(maxsize=64)
def dual_prices(work: Work) -> Mapping[str, float]:
    """Prices whose sum is 1 and which make the work (iterations of each kind of job) cost most.
    They are the dual of the makespan's program without arrivals and without "one place at a
    time"."""
    from scipy.sparse import coo_array  # here, as it takes a quarter of a second

    names = sorted({name for ways, _ in work for name, _ in resource_parts(ways)})
    resources = {name: column for column, name in enumerate(names)}
    # Columns: the price of each resource, then the cost of the work of each kind, in units of what it could be at most.
    unit = max(iterations / ways[0].iterations_per_s for ways, iterations in work)
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    row = 0
    for column, (ways, iterations) in enumerate(work, start=len(resources)):
        for way in ways:
            rows += [row] * (1 + len(way.parts))
            columns += [column, *(resources[name] for name, _ in way.parts)]
            values += [1.0, *(-part * iterations / way.iterations_per_s / unit for _, part in way.parts)]
            row += 1
    shape = (row, len(resources) + len(work))
    is_price = np.arange(shape[1]) < len(resources)
    solution = minimise(
        np.where(is_price, 0.0, -1.0),
        coo_array((values, (rows, columns)), shape=shape),
        np.zeros(row),
        A_eq=is_price[np.newaxis].astype(float),
        b_eq=[1.0],
    )
    prices = np.maximum(solution[is_price], 0.0)
    return dict(zip(resources, (prices / prices.sum()).tolist(), strict=True))


def work_shares(groups: Groups) -> Work:
    """Iterations of each kind of job, as a share of all iterations. Prices depend on nothing
    else."""
    work: Counter[tuple[Way, ...]] = Counter()
    for group in groups:
        work[group.ways] += group.total
    total = work.total()
    return tuple((ways, iterations / total) for ways, iterations in work.items())


def cheapest_cost(ways: Iterable[Way], prices: Mapping[str, float]) -> float:
    """The least cost of an iteration, in seconds of the whole cluster."""
    return min(sum(part * prices.get(name, 0.0) for name, part in way.parts) / way.iterations_per_s for way in ways)
