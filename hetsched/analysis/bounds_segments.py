"""The lower bound on the makespan by whole segments. It exceeds the other bounds where trials are
few."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from hetsched.analysis.bounds_groups import Groups, Way
from hetsched.analysis.linear_program import Array

BEGINNINGS = 20
"""The most moments b for which the work that begins at b or later is compared with the workers'
time."""

ROUNDING = 1e-9
"""Workers count as faster by this share than they are: rounding must not raise the bound."""


def segments_makespan(groups: Groups, least: float) -> float:
    """Seconds below which no schedule of the groups can end. The result is at least `least`, a
    known bound (seconds). Workers are cut once for the whole run.

    For every b, the jobs that begin at b or later must fit into the workers' time since b. Only
    jobs that are equally fast everywhere are counted together. Leaving out other jobs keeps the
    bound valid.
    """
    for ways, most, begin_s, iterations, jobs in _populations(groups):
        least = _Capacity(ways, most, begin_s, jobs).time_for(iterations, least)
    return least


def _populations(groups: Groups) -> Iterator[tuple[tuple[Way, ...], int, float, int, int]]:
    """Jobs that are equally fast and begin at a moment or later. Yields their ways, the most
    iterations of a segment, the moment, the iterations of all jobs, and the number of jobs."""
    alike: defaultdict[tuple[tuple[Way, ...], int], list[tuple[float, int, int]]] = defaultdict(list)
    for group in groups:
        if group.most:
            jobs = sum(count for _, count in group.jobs)
            alike[group.ways, group.most].append((group.begin_s, group.total, jobs))
    for (ways, most), populations in alike.items():
        beginnings = sorted({begin_s for begin_s, _, _ in populations})
        for i in np.unique(np.linspace(0, len(beginnings) - 1, min(len(beginnings), BEGINNINGS)).round().astype(int)):
            later = [(total, jobs) for begin_s, total, jobs in populations if begin_s >= beginnings[i]]
            yield ways, most, beginnings[i], sum(total for total, _ in later), sum(jobs for _, jobs in later)


class _Capacity:
    """The most iterations that the workers can do of so many like jobs from `begin_s` (seconds) on.

    One worker with t seconds:

    1. A whole segment takes D = most x step_s + segment_s seconds.
    2. n segments do at most n x most iterations. This limit grows with n.
    3. n segments do at most (t - n segment_s) / step_s iterations. This limit falls with n.
    4. Up to n = floor(t / D) the first limit is the smaller one. From floor(t / D) + 1 on the
       second one is.
    5. So the worker does most in floor(t / D) whole segments and in one more with as many
       iterations as still fit.

    Gangs: at most n gangs are there at once. So each gang can be given one of n places, and in a
    place gangs follow one another. The claim holds for each place.

    All workers until T:

    1. At most as many workers train at once as there are jobs.
    2. So all workers together spend at most jobs x (T - begin_s) seconds.
    3. Take a price per second that is not negative. By weak duality, the iterations are at most a
       sum: the price of these seconds, and for each worker the most of its iterations less the
       price of its seconds.
    4. With a price, a part of a segment is worth more the longer it is, or it is worth nothing.
    5. So a worker trains nothing, or whole segments only, or as much as it can.

    Workers that may be cut in several ways count as cut in the best way.
    """

    def __init__(self, ways: tuple[Way, ...], most: int, begin_s: float, jobs: int) -> None:
        resources = {name: place for place, name in enumerate(dict.fromkeys(way.parts[0][0] for way in ways))}
        of_resource = Counter(way.parts[0][0] for way in ways)
        self._resource = np.array([resources[way.parts[0][0]] for way in ways])
        self._workers = np.array(
            [
                1 / way.parts[0][1] if of_resource[way.parts[0][0]] > 1 else np.floor(1 / way.parts[0][1] + ROUNDING)
                for way in ways
            ]
        )
        self._step_s = np.array([way.step_s for way in ways])
        self._segment_s = np.array([way.segment_s for way in ways])
        self._warm_s = np.maximum(begin_s, [way.warm_s for way in ways])
        self._most = most
        self._whole_s = most * self._step_s + self._segment_s
        self._job_s = jobs, float(self._warm_s.min())
        least_workers = np.zeros(len(resources))
        np.maximum.at(least_workers, self._resource, self._workers)
        prices = [0.0] if jobs >= least_workers.sum() else [0.0, *np.unique(most / self._whole_s)]
        self._prices = np.array(prices)[:, np.newaxis]

    def time_for(self, iterations: int, least: float) -> float:
        """The least moment (seconds since the start of the run), at least `least`, until which so
        many iterations can be done."""
        if self._until(least) >= iterations:
            return least
        low, high = least, 2 * max(least, float((self._warm_s + self._whole_s).min()))
        while self._until(high) < iterations:
            low, high = high, 2 * high
        while high - low > ROUNDING * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self._until(middle) >= iterations else (middle, high)
        return low

    def _until(self, end_s: float) -> float:
        """The most iterations that can be done until `end_s`."""
        seconds = np.maximum(0.0, end_s - self._warm_s) * (1 + ROUNDING) + ROUNDING
        whole = np.floor(seconds / self._whole_s)
        rest_s = seconds - whole * self._whole_s
        rest = np.clip(np.floor((rest_s - self._segment_s) / self._step_s), 0, self._most)
        spent_s = whole * self._whole_s + np.where(rest > 0, self._segment_s + rest * self._step_s, 0.0)
        values = np.maximum(
            whole * (self._most - self._prices * self._whole_s),
            whole * self._most + rest - self._prices * spent_s,
        )
        jobs, begin_s = self._job_s
        return float((jobs * self._prices[:, 0] * max(0.0, end_s - begin_s) + self._of_all(values)).min())

    def _of_all(self, values: Array) -> Array:
        """For each price, the iterations of all workers less the price of their seconds. `values`
        has the same for one worker, of shape (prices, ways)."""
        best = np.zeros((len(values), self._resource.max() + 1))
        for row, value in zip(best, np.maximum(0.0, values * self._workers), strict=True):
            np.maximum.at(row, self._resource, value)
        total: Array = best.sum(axis=1)
        return total
