"""The lower bound on the makespan by whole segments: what is left of a run where trials are few."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from hetsched.analysis.bounds_groups import Groups, Way
from hetsched.analysis.linear_program import Array

BEGINNINGS = 20
"""At most so many moments are looked at from which on the work to come must fit."""

ROUNDING = 1e-9
"""By this part workers count as faster than they are: rounding must not raise the bound."""


def segments_makespan(groups: Groups, least: float) -> float:
    """Seconds below which no schedule of the groups can end, and no fewer than `least` (seconds), a bound that is known
    already. Workers are cut once for the whole run.

    Of the jobs that are as fast as each other everywhere, those that begin at b or later must fit into the workers'
    time since b, for every b. Other jobs are left out, which keeps the bound valid.
    """
    for ways, most, begin_s, iterations, jobs in _populations(groups):
        least = _Capacity(ways, most, begin_s, jobs).time_for(iterations, least)
    return least


def _populations(groups: Groups) -> Iterator[tuple[tuple[Way, ...], int, float, int, int]]:
    """Jobs that are as fast as each other (ways, and the most iterations of a segment) and begin at a moment or later:
    the moment, the iterations of all, and how many they are."""
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

    A worker with t seconds does at most most x floor(t / D) iterations in whole segments of D = most x step_s +
    segment_s, and in one more as many as still fit: n segments do at most n x most iterations, and at most
    (t - n segment_s) / step_s; the one grows with n and the other falls, so that no other n does more. That holds for
    gangs, too: as at most n are there at once, each can be given a place among n in which gangs follow one another.

    No more workers train at once than there are jobs, so that all of them together spend at most jobs x (T - begin_s)
    seconds. By weak duality, for every price per second that is not negative, the iterations are at most what these
    seconds cost plus, of each worker, the most iterations less the price of the seconds that they take. With a price a
    worker trains nothing, or whole segments only, or as much as it can: a part of a segment is worth more the longer it
    is, or nothing.

    Workers that may be cut in several ways count as cut in the best one.
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
        """The least moment (seconds since the start of the run), not before `least`, until which so many iterations can
        be done."""
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
        """The most iterations that can be done until then."""
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
        """The iterations of all workers, less what their seconds cost, for each price (rows), by those of a worker of
        each way (columns)."""
        best = np.zeros((len(values), self._resource.max() + 1))
        for row, value in zip(best, np.maximum(0.0, values * self._workers), strict=True):
            np.maximum.at(row, self._resource, value)
        total: Array = best.sum(axis=1)
        return total
