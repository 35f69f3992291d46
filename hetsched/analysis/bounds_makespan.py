"""The lower bound on the makespan."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hetsched.analysis.bounds_groups import Group, Groups, Way, resource_parts
from hetsched.analysis.bounds_intervals import interval_program
from hetsched.analysis.bounds_prices import cheapest_cost, dual_prices, work_shares

INTERVALS, COLUMNS = 20, 10_000
"""Arrivals are merged until the linear program has about so many: it then takes some tenths of a second."""


@lru_cache(maxsize=1024)  # the fairness of a run takes one for every experiment
def makespan_of(groups: Groups) -> float:
    """Seconds below which no schedule of the groups can end."""
    if not groups:
        return 0.0
    if len(groups) == 1 and _has_devices_of_its_own(groups[0].ways):
        return groups[0].arrival_s + _uniform_makespan(groups[0])
    least = max(group.arrival_s + group.alone_s(group.jobs[0][0]) for group in groups)
    fits = all(part <= 1 for _, part in resource_parts(groups[0].ways))
    if len(groups) == 1 and sum(count for _, count in groups[0].jobs) == 1 and fits:
        return least
    # What arrives at a or later takes its cost from a on.
    prices = dual_prices(work_shares(groups))
    rest = 0.0
    critical = groups[0].arrival_s
    for group in reversed(groups):
        rest += group.total * cheapest_cost(group.ways, prices)
        if group.arrival_s + rest > least:
            least, critical = group.arrival_s + rest, group.arrival_s
    starts = _instants(groups, critical)
    return interval_program(groups, starts, least)


def _has_devices_of_its_own(ways: Sequence[Way]) -> bool:
    """Whether each way has devices that no other way takes: workers, but not cores that may be cut in several ways."""
    names = [name for name, _ in resource_parts(ways)]
    return len(names) == len(ways) == len(set(names))


def _uniform_makespan(group: Group) -> float:
    """The makespan of jobs that differ in nothing but length on machines that differ in nothing but speed: the k
    longest jobs get at best the k fastest machines, for every k, and they can have them (Horvath, Lam and Sethi,
    J. ACM 1977). With a share of a machine, it counts as so much of one."""
    machines = np.cumsum([0.0, *(1 / part for _, part in resource_parts(group.ways))])
    rates = np.cumsum([0.0, *(way.iterations_per_s / part for way in group.ways for _, part in way.parts)])
    jobs = np.cumsum([count for _, count in group.jobs])
    work = np.cumsum([iterations * count for iterations, count in group.jobs])
    return float((work / np.interp(jobs, machines, rates)).max())


def _instants(groups: Groups, critical: float) -> list[float]:
    """The arrivals that are told apart: evenly spread ones, among them the first, the last and the critical one.

    Others are rounded down to one of these. That keeps the bound valid: a schedule of the real jobs is one of jobs
    that arrive earlier, too.
    """
    arrivals = sorted({group.arrival_s for group in groups})
    many = min(len(arrivals), INTERVALS)
    while True:
        chosen = sorted({arrivals[i] for i in np.linspace(0, len(arrivals) - 1, many).round().astype(int)} | {critical})
        merged = {(group.ways, int(np.searchsorted(chosen, group.arrival_s, side="right")) - 1) for group in groups}
        if many == 1 or sum(len(ways) * (len(chosen) - since) for ways, since in merged) <= COLUMNS:
            return chosen
        many = many * 3 // 4
