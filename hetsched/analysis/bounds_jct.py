"""The lower bound on the mean job completion time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from itertools import chain

from hetsched.analysis.bounds_groups import Groups, Way
from hetsched.analysis.bounds_prices import cheapest_cost, dual_prices, work_shares


@lru_cache(maxsize=64)
def jct_sum_of(groups: Groups, mixed: tuple[Groups, ...] = (), dispatch_s: float = 0.0) -> float:
    """Seconds below which no schedule can bring the sum of the JCTs of all jobs.

    The jobs are those of the groups, and each of `mixed`: one job whose parts are groups. The
    driver takes `dispatch_s` for each segment, one segment after another. A job counts as arriving
    when it can begin. Its JCT counts from its real arrival.
    """
    jobs = _jobs(groups, mixed)
    groups += tuple(chain.from_iterable(mixed))
    if not groups:
        return 0.0
    arrivals = [min(groups[number].begin_s for number, _ in parts) for parts in jobs]
    waited = sum(arrivals) - sum(groups[parts[0][0]].arrival_s for parts in jobs)
    alone = sum(groups[number].alone_s(iterations) for parts in jobs for number, iterations in parts)
    spread = sum(iterations / groups[number].ways[0].iterations_per_s for parts in jobs for number, iterations in parts)

    def on_one_machine(prices: Mapping[str, float]) -> tuple[list[float], float]:
        """What the jobs cost by these prices, and the bound on the sum of JCTs."""
        costs = [cheapest_cost(group.ways, prices) for group in groups]
        sizes = [sum(costs[number] * iterations for number, iterations in parts) for parts in jobs]
        ends = max(least_end_sum(arrivals, sizes), _least_moment_sum(arrivals, sizes) + spread / 2)
        return sizes, ends - sum(arrivals)

    work = work_shares(groups)
    sizes, bound = on_one_machine(dual_prices(work))
    bound = max(bound, alone, _driver_s(groups, jobs, arrivals, dispatch_s))
    if len(work) == 1:
        return waited + bound
    # Other prices may give a greater bound: those by which an iteration counts as often as jobs wait for it, if the
    # shortest jobs go first.
    waited_for: defaultdict[tuple[Way, ...], float] = defaultdict(float)
    for ahead, job in enumerate(sorted(range(len(jobs)), key=sizes.__getitem__)):
        for number, iterations in jobs[job]:
            waited_for[groups[number].ways] += (len(jobs) - ahead - 0.5) * iterations
    return waited + max(bound, on_one_machine(dual_prices(tuple(waited_for.items())))[1])


def _driver_s(
    groups: Groups, jobs: Sequence[Sequence[tuple[int, int]]], arrivals: Sequence[float], dispatch_s: float
) -> float:
    """The bound on the sum of JCTs by the driver alone: a machine that serves every segment of a
    job."""
    if not dispatch_s:
        return 0.0
    sizes = [dispatch_s * sum(groups[n].least_segments(iterations) for n, iterations in parts) for parts in jobs]
    return least_end_sum(arrivals, sizes) - sum(arrivals)


def _jobs(groups: Groups, mixed: tuple[Groups, ...]) -> list[list[tuple[int, int]]]:
    """The parts of every job: the number of the group, and the iterations. Groups of `mixed` come
    after the others."""
    jobs = [
        [(number, iterations)]
        for number, group in enumerate(groups)
        for iterations, count in group.jobs
        for _ in range(count)
    ]
    number = len(groups)
    for parts in mixed:
        jobs.append([(number + place, group.total) for place, group in enumerate(parts)])
        number += len(parts)
    return jobs


def least_end_sum(arrivals: Sequence[float], sizes: Sequence[float]) -> float:
    """The least sum of completion times on one machine, in seconds since the start of the run.

    `arrivals` and `sizes` have shape (jobs). They are the seconds at which a job arrives, and for
    which the machine must serve it.
    """
    ends = list(arrivals)
    for job, start, seconds in _one_machine(arrivals, sizes, by_rest=True):
        ends[job] = start + seconds
    return sum(ends)


def _least_moment_sum(arrivals: Sequence[float], sizes: Sequence[float]) -> float:
    """The least sum of the mean moments of the jobs' work on one machine."""
    return sum(
        (start + seconds / 2) * (seconds / sizes[job] if sizes[job] else 1.0)
        for job, start, seconds in _one_machine(arrivals, sizes, by_rest=False)
    )


def _one_machine(
    arrivals: Sequence[float], sizes: Sequence[float], *, by_rest: bool
) -> Iterator[tuple[int, float, float]]:
    """One preemptive machine that always serves the job with the least seconds left, or else the
    job of least size.

    Yields what it serves, in the order of time: the job, the start and the seconds of service.
    """
    coming = sorted(range(len(sizes)), key=lambda job: arrivals[job], reverse=True)
    rest = list(sizes)
    present: list[tuple[float, int]] = []
    now = 0.0
    while coming or present:
        if not present:
            now = max(now, arrivals[coming[-1]])
        while coming and arrivals[coming[-1]] <= now:
            job = coming.pop()
            heappush(present, (sizes[job], job))
        _, job = heappop(present)
        seconds = min(rest[job], arrivals[coming[-1]] - now) if coming else rest[job]
        yield job, now, seconds
        now += seconds
        rest[job] -= seconds
        if rest[job] > 0:
            heappush(present, (rest[job] if by_rest else sizes[job], job))
