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
"""Arrivals are merged until the linear program has about this size. It then takes some tenths of a
second."""

WARM = 8
"""The most moments of warm workers that the program distinguishes. Others count as earlier: the
bound stays valid."""


@lru_cache(maxsize=1024)  # the fairness of a run needs one bound per experiment
def makespan_of(groups: Groups, dispatch_s: float = 0.0, share: float = 1.0) -> float:
    """Seconds below which no schedule of the groups can end, if they have this share of each
    device's time. The driver takes `dispatch_s` for each segment, one segment after another."""
    if not groups:
        return 0.0
    if share != 1:
        return _preemptive_makespan(tuple(with_share(group, share) for group in groups), dispatch_s)
    return segments_makespan(groups, _preemptive_makespan(groups, dispatch_s))


def _preemptive_makespan(groups: Groups, dispatch_s: float) -> float:
    """The bound if a segment may end at any moment, and costs as much per second as the longest
    segment."""
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
    """When the driver can have served every segment: it serves the segments of all that begins at b
    or later after b."""
    least, segments = 0.0, 0
    for group in reversed(groups):
        segments += group.segments
        least = max(least, group.begin_s + segments * dispatch_s)
    return least


def _critical(groups: Groups, least: float) -> tuple[float, float]:
    """The beginning b after which the work still to come takes longest, by the prices. All that
    begins at b or later pays its costs from b on. Also returns the greater of `least` and the end
    of this work."""
    prices = dual_prices(work_shares(groups))
    rest = 0.0
    critical = groups[0].begin_s
    for group in reversed(groups):
        rest += group.total * cheapest_cost(group.ways, prices)
        if group.begin_s + rest > least:
            least, critical = group.begin_s + rest, group.begin_s
    return critical, least


def _has_devices_of_its_own(ways: Sequence[Way]) -> bool:
    """Whether each way has devices that no other way takes. This holds for workers. It does not
    hold for cores that may be cut in several ways."""
    names = [name for name, _ in resource_parts(ways)]
    return len(names) == len(ways) == len(set(names))


def _has_nothing_to_choose(group: Group) -> bool:
    """Whether the group is one job that fits everywhere, and every place is warm when it begins."""
    fits = all(part <= 1 for _, part in resource_parts(group.ways))
    as_warm = all(way.warm_s <= group.begin_s for way in group.ways)
    return fits and as_warm and sum(count for _, count in group.jobs) == 1


def _uniform_makespan(group: Group) -> float:
    """The makespan of jobs that differ only in length, on machines that differ only in speed.

    1. For every k, the k longest jobs get at best the k fastest machines.
    2. A schedule exists in which they get them (Horvath, Lam and Sethi, J. ACM 1977).

    A share of a machine counts as so much of one. A machine that is warm later exists only from
    then on.
    """
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
    """The moments that the program distinguishes: some beginnings, and moments at which workers are
    warm.

    The beginnings are evenly spread. The first, the last and the critical one are among them. Other
    beginnings are rounded down to one of these. That keeps the bound valid: a schedule of the real
    jobs is also a schedule of jobs that arrive earlier.
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
