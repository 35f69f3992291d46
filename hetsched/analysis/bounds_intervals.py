"""The linear program of the makespan over the intervals between arrivals
(`hetsched.analysis.bounds`)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from hetsched.analysis.bounds_groups import Groups, Way, resource_parts
from hetsched.analysis.linear_program import Array, minimise

TOLERANCE = 1e-6
"""Relative accuracy of the linear program: sizes of jobs are separated until it holds for each of
them."""


class Stack:
    """The jobs of groups that are equally fast and count as having arrived with interval number
    `since`.

    They have `sizes` different sizes. The jobs of the k largest sizes are `jobs[k]` jobs, with
    `work[k]` iterations together. Way number `user[n]` takes the part `part[n]` of resource number
    `used[n]`.
    """

    def __init__(
        self, ways: tuple[Way, ...], since: int, sizes: Mapping[int, int], resources: Mapping[str, int]
    ) -> None:
        longest_first = sorted(sizes.items(), reverse=True)
        self.since = since
        self.sizes = len(sizes)
        self.speeds = np.array([way.iterations_per_s for way in ways])
        self.warm_s = np.array([way.warm_s for way in ways])
        self.user = np.repeat(np.arange(len(ways)), [len(way.parts) for way in ways])
        self.used = np.array([resources[name] for name, _ in resource_parts(ways)])
        self.part = np.array([part for _, part in resource_parts(ways)])
        self.jobs = np.cumsum([0.0, *(count for _, count in longest_first)])
        self.work = np.cumsum([0.0, *(iterations * count for iterations, count in longest_first)])

    def excess(self, seconds: Array, lengths: Array) -> Array:
        """For every k > 0, the excess of the work of the jobs of the k largest sizes, as a share of
        this work.

        The excess is over what these jobs could get out of the `seconds` that all jobs spend, of
        shape (ways, intervals). In an interval, n jobs spend at most n times its length. At best
        they spend it in the fastest ways.
        """
        could = np.zeros(len(self.jobs))
        for spent, length in zip(seconds.T, lengths[self.since :], strict=True):
            fastest_first = np.cumsum([0.0, *spent]), np.cumsum([0.0, *(self.speeds * spent)])
            could += np.interp(self.jobs * length, *fastest_first)
        excess: Array = (self.work - could)[1:] / self.work[1:]
        return excess


class SizeRange(NamedTuple):
    """The jobs of a stack from size number `first` to the one before `last`. The largest size has
    number 0. The program replaces each of these jobs by a job of their mean size."""

    stack: Stack
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


def interval_program(groups: Groups, starts: Sequence[float], least: float) -> float:
    """The optimum of the program of the groups, in seconds since the start of the run.

    The intervals begin at `starts` (seconds). `least` is a bound that is already known (seconds).

    The jobs of a stack are replaced by as many jobs of their mean size. This is a relaxation: if
    every job spends the mean of what all jobs spend in each way, it does the mean work.

    The relaxation is refined: if the k longest jobs could not be given their share of the result,
    the range of sizes is cut in two after them. If no range must be cut, the relaxation is exact:

    1. A weighted sum of the jobs' work is greatest if jobs of greater weight get the faster
       seconds.
    2. So the sums over the k longest jobs, for every k, alone decide which sizes are possible.
    3. The result has room for these sums, for every k.
    4. So the result has room for the real sizes.
    """
    sizes: defaultdict[tuple[tuple[Way, ...], int], Counter[int]] = defaultdict(Counter)
    for group in groups:
        since = int(np.searchsorted(starts, group.begin_s, side="right")) - 1
        for iterations, count in group.jobs:
            sizes[group.ways, since][iterations] += count
    names = dict.fromkeys(name for group in groups for name, _ in resource_parts(group.ways))
    resources = {name: number for number, name in enumerate(names)}
    stacks = [Stack(ways, since, of_stack, resources) for (ways, since), of_stack in sizes.items()]
    ranges = [SizeRange(stack, 0, stack.sizes) for stack in stacks]
    while True:
        lengths, seconds = _solve(ranges, len(resources), starts, least)
        cut: list[SizeRange] = []
        for stack, pairs in groupby(zip(ranges, seconds, strict=True), key=lambda pair: pair[0].stack):
            cut += _cut(stack, list(pairs), lengths)
        if len(cut) == len(ranges):
            return starts[-1] + float(lengths[-1])
        ranges = cut


def _cut(stack: Stack, solved: Sequence[tuple[SizeRange, Array]], lengths: Array) -> list[SizeRange]:
    """The ranges of the stack. A range whose longest jobs could not be given their share is cut in
    two.

    Each range comes with the seconds that its jobs spend, of shape (ways, intervals).
    """
    ranges = [of_range for of_range, _ in solved]
    if len(ranges) == stack.sizes:  # every range is of jobs of one size
        return ranges
    excess = stack.excess(np.sum([spent for _, spent in solved], axis=0), lengths)
    cut: list[SizeRange] = []
    for of_range in ranges:
        inside = excess[of_range.first : of_range.last - 1]  # after each but the last
        if inside.size and inside.max() > TOLERANCE:
            middle = of_range.first + 1 + int(inside.argmax())
            cut += [of_range._replace(last=middle), of_range._replace(first=middle)]
        else:
            cut.append(of_range)
    return cut


def _solve(
    ranges: Sequence[SizeRange], resources: int, starts: Sequence[float], least: float
) -> tuple[Array, list[Array]]:
    """Solve the program for the ranges. Returns the length of each interval. Returns for each range
    the seconds that its jobs spend together, of shape (ways, intervals since their arrival)."""
    unit = least - starts[0] or 1.0  # 0 where rounding takes all, as of 1e-9 s after 1e9 s
    program = Program(starts, unit, resources)
    variables = [program.add(of_range) for of_range in ranges]
    solution = program.solve((least - starts[-1]) / unit)
    spent = [r.jobs * r.alone_s * solution[of_range] for r, of_range in zip(ranges, variables, strict=True)]
    return np.append(np.diff(starts), unit * solution[-1]), spent


class Program:
    """The program while it is built.

    Its variables are scaled, so that all figures have like sizes. There is one for each range, way
    and interval: the mean time of a job there, in multiples of the time that the job takes alone.
    The last variable is the length of the last interval, in multiples of `unit`: the least seconds
    that all work can take. The intervals begin at `starts` (seconds). No way is used in intervals
    that end before the way is warm.
    """

    def __init__(self, starts: Sequence[float], unit: float, resources: int) -> None:
        self._starts = starts
        self._known = known = np.diff(starts) / unit
        self._unit = unit
        self._intervals = intervals = len(known) + 1
        self._height, self._width = resources * intervals, 0
        self._limits = [np.append(known, 0.0)] * resources
        self._most: list[Array] = []
        self._open_ended = [intervals * (resource + 1) - 1 for resource in range(resources)]  # of the last interval
        self._blocks: list[tuple[Array, ...]] = []

    def add(self, of_range: SizeRange) -> Array:
        """Add the jobs of a range. Returns the numbers of their variables, of shape (ways,
        intervals since their arrival)."""
        stack, height, since = of_range.stack, self._height, of_range.stack.since
        here = np.arange(since, self._intervals)
        columns = self._width + np.arange(len(stack.speeds) * len(here)).reshape(-1, len(here))
        self._put(height, columns, -stack.speeds[:, np.newaxis] / stack.speeds[0])
        self._put(height + 1 + np.arange(len(here)), columns, of_range.alone_s / self._unit)
        taken = stack.part[:, np.newaxis] * of_range.jobs * of_range.alone_s / self._unit
        self._put(stack.used[:, np.newaxis] * self._intervals + here, columns[stack.user], taken)
        self._limits.append(np.array([-1.0, *self._known[since:], 0.0]))
        warm = np.searchsorted(self._starts, stack.warm_s, side="right")[:, np.newaxis] - 1
        self._most.append(np.where(here < warm, 0.0, np.inf).ravel())
        self._width += columns.size
        self._height += 1 + len(here)
        self._open_ended.append(self._height - 1)
        return columns

    def solve(self, least: float) -> Array:
        """The variables with the shortest last interval that has at least `least` units."""
        from scipy.sparse import coo_array  # here, as it takes a quarter of a second

        self._put(np.array(self._open_ended), self._width, -1.0)
        rows, columns, values = (np.concatenate(parts) for parts in zip(*self._blocks, strict=True))
        return minimise(
            np.append(np.zeros(self._width), 1.0),
            coo_array((values, (rows, columns)), shape=(self._height, self._width + 1)),
            np.concatenate(self._limits),
            bounds=np.column_stack([np.append(np.zeros(self._width), least), np.concatenate([*self._most, [np.inf]])]),
        )

    def _put(self, rows: Array | int, columns: Array | int, values: Array | float) -> None:
        self._blocks.append(tuple(array.ravel() for array in np.broadcast_arrays(rows, columns, values)))
