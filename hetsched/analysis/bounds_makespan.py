"""The lower bound on the makespan."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array

from hetsched.analysis.bounds_groups import (
    COLUMNS,
    INTERVALS,
    TOLERANCE,
    Array,
    Group,
    Groups,
    Way,
    _cost,
    _minimise,
    _parts,
    _prices,
    _work,
)


@lru_cache(maxsize=1024)  # the fairness of a run takes one for every experiment
def _makespan(groups: Groups) -> float:
    if not groups:
        return 0.0
    if len(groups) == 1 and _has_devices_of_its_own(groups[0].ways):
        return groups[0].arrival_s + _uniform_makespan(groups[0])
    least = max(group.arrival_s + group.alone_s(group.jobs[0][0]) for group in groups)
    fits = all(part <= 1 for _, part in _parts(groups[0].ways))
    if len(groups) == 1 and sum(count for _, count in groups[0].jobs) == 1 and fits:
        return least
    # What arrives at a or later takes its cost from a on.
    prices = _prices(_work(groups))
    rest = 0.0
    critical = groups[0].arrival_s
    for group in reversed(groups):
        rest += group.total * _cost(group.ways, prices)
        if group.arrival_s + rest > least:
            least, critical = group.arrival_s + rest, group.arrival_s
    starts = _instants(groups, critical)
    return _interval_program(groups, starts, least)


def _has_devices_of_its_own(ways: Sequence[Way]) -> bool:
    """Whether each way has devices that no other way takes: workers, but not cores that may be cut in several ways."""
    names = [name for name, _ in _parts(ways)]
    return len(names) == len(ways) == len(set(names))


def _uniform_makespan(group: Group) -> float:
    """The makespan of jobs that differ in nothing but length on machines that differ in nothing but speed: the k
    longest jobs get at best the k fastest machines, for every k, and they can have them (Horvath, Lam and Sethi,
    J. ACM 1977). With a share of a machine, it counts as so much of one."""
    machines = np.cumsum([0.0, *(1 / part for _, part in _parts(group.ways))])
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


class _Stack:
    """The jobs of groups that are as fast as each other and count as having arrived with interval `since`.

    They have `sizes` different sizes. The `jobs[k]` jobs of the k largest have `work[k]` iterations together. The way
    number `user[n]` takes the part `part[n]` of the resource number `used[n]`.
    """

    def __init__(
        self, ways: tuple[Way, ...], since: int, sizes: Mapping[int, int], resources: Mapping[str, int]
    ) -> None:
        longest_first = sorted(sizes.items(), reverse=True)
        self.since = since
        self.sizes = len(sizes)
        self.speeds = np.array([way.iterations_per_s for way in ways])
        self.user = np.repeat(np.arange(len(ways)), [len(way.parts) for way in ways])
        self.used = np.array([resources[name] for name, _ in _parts(ways)])
        self.part = np.array([part for _, part in _parts(ways)])
        self.jobs = np.cumsum([0.0, *(count for _, count in longest_first)])
        self.work = np.cumsum([0.0, *(iterations * count for iterations, count in longest_first)])

    def excess(self, seconds: Array, lengths: Array) -> Array:
        """For every k > 0, by what part of it the work of the jobs of the k largest sizes exceeds what they could get
        out of the `seconds` that all jobs spend in each way (rows) in each interval (columns): so many jobs spend no
        more than so many times the interval, at best in the fastest ways.
        """
        could = np.zeros(len(self.jobs))
        for spent, length in zip(seconds.T, lengths[self.since :], strict=True):
            fastest_first = np.cumsum([0.0, *spent]), np.cumsum([0.0, *(self.speeds * spent)])
            could += np.interp(self.jobs * length, *fastest_first)
        excess: Array = (self.work - could)[1:] / self.work[1:]
        return excess


class _Run(NamedTuple):
    """The jobs of a stack from the size number `first` to the one before `last`, the largest being number 0. In place
    of each the program has a job of their mean size."""

    stack: _Stack
    first: int
    last: int

    @property
    def jobs(self) -> float:
        return float(self.stack.jobs[self.last] - self.stack.jobs[self.first])

    @property
    def alone_s(self) -> float:
        """Seconds that a job of the mean size takes on the fastest device."""
        work = self.stack.work[self.last] - self.stack.work[self.first]
        return float(work / self.jobs / self.stack.speeds[0])


def _interval_program(groups: Groups, starts: Sequence[float], least: float) -> float:
    """The linear program of the module's docstring; `least` is a bound that is known already.

    The jobs of a stack are replaced by as many of their mean size. That is a relaxation: if every job spends the mean
    of what all spend in each way, it does the mean work. Where the k longest could not be given their share of the
    result, the run is cut in two after them. When that happens nowhere, the relaxation is exact: a weighted sum of the
    jobs' work is largest if those of more weight get the faster seconds, so which sizes are possible depends on the
    sums over the k longest, for every k, and on nothing else.
    """
    sizes: defaultdict[tuple[tuple[Way, ...], int], Counter[int]] = defaultdict(Counter)
    for group in groups:
        since = int(np.searchsorted(starts, group.arrival_s, side="right")) - 1
        for iterations, count in group.jobs:
            sizes[group.ways, since][iterations] += count
    names = dict.fromkeys(name for group in groups for name, _ in _parts(group.ways))
    resources = {name: number for number, name in enumerate(names)}
    stacks = [_Stack(ways, since, of_stack, resources) for (ways, since), of_stack in sizes.items()]
    runs = [_Run(stack, 0, stack.sizes) for stack in stacks]
    while True:
        lengths, seconds = _solve(runs, len(resources), starts, least)
        cut: list[_Run] = []
        for stack, pairs in groupby(zip(runs, seconds, strict=True), key=lambda pair: pair[0].stack):
            of_stack = list(pairs)
            if len(of_stack) == stack.sizes:  # every run is of jobs of one size
                cut += [run for run, _ in of_stack]
                continue
            excess = stack.excess(np.sum([spent for _, spent in of_stack], axis=0), lengths)
            for run, _ in of_stack:
                inside = excess[run.first : run.last - 1]  # after each but the last
                if inside.size and inside.max() > TOLERANCE:
                    middle = run.first + 1 + int(inside.argmax())
                    cut += [run._replace(last=middle), run._replace(first=middle)]
                else:
                    cut.append(run)
        if len(cut) == len(runs):
            return starts[-1] + float(lengths[-1])
        runs = cut


def _solve(runs: Sequence[_Run], resources: int, starts: Sequence[float], least: float) -> tuple[Array, list[Array]]:
    """Solve the program for the runs: the length of each interval, and for each run the seconds that its jobs together
    spend in each way (rows) in each interval since their arrival (columns).

    Its variables are such that all figures are of a like size: for each run, way and interval the mean time of a job
    there, in multiples of the time that it takes alone; and at last the length of the last interval, in multiples of
    the least time that everything can take.
    """
    intervals = len(starts)
    unit = least - starts[0]
    known = np.diff(starts) / unit
    height, width = resources * intervals, 0
    limits = [np.append(known, 0.0)] * resources
    open_ended = [intervals * (resource + 1) - 1 for resource in range(resources)]  # the rows of the last interval
    blocks: list[tuple[Array, ...]] = []

    def put(rows: Array | int, columns: Array | int, values: Array | float) -> None:
        blocks.append(tuple(array.ravel() for array in np.broadcast_arrays(rows, columns, values)))

    variables = []
    for run in runs:
        stack = run.stack
        here = np.arange(stack.since, intervals)
        columns = width + np.arange(len(stack.speeds) * len(here)).reshape(-1, len(here))
        variables.append(columns)
        put(height, columns, -stack.speeds[:, np.newaxis] / stack.speeds[0])
        put(height + 1 + np.arange(len(here)), columns, run.alone_s / unit)
        taken = stack.part[:, np.newaxis] * run.jobs * run.alone_s / unit
        put(stack.used[:, np.newaxis] * intervals + here, columns[stack.user], taken)
        limits.append(np.array([-1.0, *known[stack.since :], 0.0]))
        width += columns.size
        height += 1 + len(here)
        open_ended.append(height - 1)
    put(np.array(open_ended), width, -1.0)
    rows, columns, values = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    solution = _minimise(
        np.append(np.zeros(width), 1.0),
        coo_array((values, (rows, columns)), shape=(height, width + 1)),
        np.concatenate(limits),
        bounds=[(0.0, None)] * width + [((least - starts[-1]) / unit, None)],
    )
    seconds = [run.jobs * run.alone_s * solution[of_run] for run, of_run in zip(runs, variables, strict=True)]
    return unit * np.append(known, solution[width]), seconds
