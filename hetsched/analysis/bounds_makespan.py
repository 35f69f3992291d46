"""The lower bound on the makespan."""

from collections.abc import Sequence
from functools import lru_cache
from math import inf

import numpy as np

from hetsched.analysis.bounds_groups import Group, Groups, Way, resource_parts, with_share
from hetsched.analysis.bounds_intervals import interval_program
from hetsched.analysis.bounds_prices import cheapest_cost, dual_prices, work_shares
from hetsched.analysis.bounds_segments import segments_makespan

INTERVALS, COLUMNS = 20, 10_000
"""Arrivals are merged until the linear program has about so many: it then takes some tenths of a second."""

WARM = 8
"""Moments at which workers are warm that the program tells apart. Others count as earlier, which keeps it valid."""


@lru_cache(maxsize=1024)  # the fairness of a run takes one for every experiment
def makespan_of(groups: Groups, dispatch_s: float = 0.0, share: float = 1.0) -> float:
    """Seconds below which no schedule of the groups can end, if they have this share of the time of each device. The
    driver takes `dispatch_s` for each segment, one after the other."""
    if not groups:
        return 0.0
    if share != 1:
        return _preemptive_makespan(tuple(with_share(group, share) for group in groups), dispatch_s)
    return segments_makespan(groups, _preemptive_makespan(groups, dispatch_s))


def _preemptive_makespan(groups: Groups, dispatch_s: float) -> float:
    """The same where a segment may end at any moment, and costs as much a second as the longest one."""
    groups = tuple(sorted(groups, key=lambda group: group.begin_s))
    least = max(_driver_s(groups, dispatch_s), *(group.begin_s + group.alone_s(group.jobs[0][0]) for group in groups))
    if len(groups) == 1 and _has_devices_of_its_own(groups[0].ways):
        return max(least, _uniform_makespan(groups[0]))
    if len(groups) == 1 and _has_nothing_to_choose(groups[0]):
        return least
    critical, least = _critical(groups, least)
    while True:
        # A schedule that ends at `least` uses nothing that is warm only later.
        late_s = min((way.warm_s for group in groups for way in group.ways if way.warm_s > least), default=inf)
        in_time = tuple(
            group._replace(ways=tuple(way for way in group.ways if way.warm_s <= least)) for group in groups
        )
        if all(group.ways for group in in_time):
            found = interval_program(in_time, _instants(in_time, critical), least)
            if found <= late_s:
                return found
        least = late_s


def _driver_s(groups: Groups, dispatch_s: float) -> float:
    """When the driver can have served every segment: those of what begins at b or later, after b."""
    least, segments = 0.0, 0
    for group in reversed(groups):
        segments += group.segments
        least = max(least, group.begin_s + segments * dispatch_s)
    return least


def _critical(groups: Groups, least: float) -> tuple[float, float]:
    """The beginning from which on the work that is to come takes longest, as by the prices, and the better of `least`
    and what it takes. What begins at b or later takes its cost from b on."""
    prices = dual_prices(work_shares(groups))
    rest = 0.0
    critical = groups[0].begin_s
    for group in reversed(groups):
        rest += group.total * cheapest_cost(group.ways, prices)
        if group.begin_s + rest > least:
            least, critical = group.begin_s + rest, group.begin_s
    return critical, least


def _has_devices_of_its_own(ways: Sequence[Way]) -> bool:
    """Whether each way has devices that no other way takes: workers, but not cores that may be cut in several ways."""
    names = [name for name, _ in resource_parts(ways)]
    return len(names) == len(ways) == len(set(names))


def _has_nothing_to_choose(group: Group) -> bool:
    """Whether it is one job, which fits everywhere, and no place is warm before another."""
    fits = all(part <= 1 for _, part in resource_parts(group.ways))
    as_warm = all(way.warm_s <= group.begin_s for way in group.ways)
    return fits and as_warm and sum(count for _, count in group.jobs) == 1


def _uniform_makespan(group: Group) -> float:
    """The makespan of jobs that differ in nothing but length on machines that differ in nothing but speed: the k
    longest jobs get at best the k fastest machines, for every k, and they can have them (Horvath, Lam and Sethi,
    J. ACM 1977). With a share of a machine, it counts as so much of one. Machines that are warm only later are there
    from then on."""
    jobs = np.cumsum([count for _, count in group.jobs])
    left = np.cumsum([float(iterations * count) for iterations, count in group.jobs])
    ends = np.full(len(jobs), inf)
    starts = sorted({max(group.begin_s, way.warm_s) for way in group.ways})
    for start, end in zip(starts, [*starts[1:], inf], strict=True):
        ways = [way for way in group.ways if way.warm_s <= start]
        machines = np.cumsum([0.0, *(1 / part for _, part in resource_parts(ways))])
        rates = np.cumsum([0.0, *(way.iterations_per_s / part for way in ways for _, part in way.parts)])
        rate = np.interp(jobs, machines, rates)
        ends = np.minimum(ends, np.where(left <= rate * (end - start), start + left / rate, inf))
        if ends.max() < inf:
            break
        left = left - rate * (end - start)
    return float(ends.max())


def _instants(groups: Groups, critical: float) -> list[float]:
    """The beginnings that are told apart: evenly spread ones, among them the first, the last and the critical one; and
    when workers are warm.

    Others are rounded down to one of these. That keeps the bound valid: a schedule of the real jobs is one of jobs
    that arrive earlier, too.
    """
    beginnings = sorted({group.begin_s for group in groups})
    warm = sorted({way.warm_s for group in groups for way in group.ways if way.warm_s > beginnings[0]})
    warm = [warm[i] for i in np.linspace(0, len(warm) - 1, min(len(warm), WARM)).round().astype(int)]
    many = min(len(beginnings), INTERVALS)
    while True:
        spread = np.linspace(0, len(beginnings) - 1, many).round().astype(int)
        chosen = sorted({beginnings[i] for i in spread} | {critical} | set(warm))
        merged = {(group.ways, int(np.searchsorted(chosen, group.begin_s, side="right")) - 1) for group in groups}
        if many == 1 or sum(len(ways) * (len(chosen) - since) for ways, since in merged) <= COLUMNS:
            return chosen
        many = many * 3 // 4
