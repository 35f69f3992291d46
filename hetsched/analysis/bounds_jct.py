"""The lower bound on the mean job completion time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import heappop, heappush

from hetsched.analysis.bounds_groups import Groups, Way, _cost, _prices, _work


@lru_cache(maxsize=64)
def _jct(groups: Groups) -> float:
    """The bound on the sum of JCTs."""
    if not groups:
        return 0.0
    jobs = [
        (number, iterations)
        for number, group in enumerate(groups)
        for iterations, count in group.jobs
        for _ in range(count)
    ]
    arrivals = [groups[number].arrival_s for number, _ in jobs]
    alone = sum(groups[number].alone_s(iterations) for number, iterations in jobs)

    def on_one_machine(prices: Mapping[str, float]) -> tuple[list[float], float]:
        """What the jobs cost, and the bound on the sum of JCTs by these prices."""
        costs = [_cost(group.ways, prices) for group in groups]
        sizes = [costs[number] * iterations for number, iterations in jobs]
        return sizes, max(_ends(arrivals, sizes), _moments(arrivals, sizes) + alone / 2) - sum(arrivals)

    work = _work(groups)
    sizes, bound = on_one_machine(_prices(work))
    bound = max(bound, alone)
    if len(work) == 1:
        return bound
    # Prices that make each iteration count as often as jobs wait for it, when the shortest go first, may say more.
    waited_for: defaultdict[tuple[Way, ...], float] = defaultdict(float)
    for ahead, job in enumerate(sorted(range(len(jobs)), key=sizes.__getitem__)):
        number, iterations = jobs[job]
        waited_for[groups[number].ways] += (len(jobs) - ahead - 0.5) * iterations
    return max(bound, on_one_machine(_prices(tuple(waited_for.items())))[1])


def _ends(arrivals: Sequence[float], sizes: Sequence[float]) -> float:
    """The least sum of completion times on one machine."""
    ends = list(arrivals)
    for job, start, seconds in _one_machine(arrivals, sizes, by_rest=True):
        ends[job] = start + seconds
    return sum(ends)


def _moments(arrivals: Sequence[float], sizes: Sequence[float]) -> float:
    """The least sum of the mean moments of the jobs' work on one machine."""
    return sum(
        (start + seconds / 2) * (seconds / sizes[job] if sizes[job] else 1.0)
        for job, start, seconds in _one_machine(arrivals, sizes, by_rest=False)
    )


def _one_machine(
    arrivals: Sequence[float], sizes: Sequence[float], *, by_rest: bool
) -> Iterator[tuple[int, float, float]]:
    """One preemptive machine that always serves the job with the least left to do, or else of the least size: what it
    serves (job, start, seconds), in the order of time. All in seconds."""
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
