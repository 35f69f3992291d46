"""The figures of a run as functions of plain numbers, each defined here, once; docs/statistics.md
has the formulae.

All times are in seconds, scores are values of a metric.
"""

from collections.abc import Iterable, Sequence
from statistics import fmean, median_low

import numpy as np

from hetsched.domain.metric import Metric
from hetsched.domain.rounding import ROUNDING, level


def makespan(ends_s: Iterable[float]) -> float:
    """Seconds from the start of the run to the end of the last segment that was finished.

    >>> makespan([40.0, 90.0, 70.0])
    90.0
    """
    return max(ends_s, default=0.0)


def mean_jct(jcts_s: Sequence[float]) -> float | None:
    """The mean job completion time (JCT): completion minus arrival, over the completed trials, in
    seconds. None: there is no completed trial. A trial that the policy stopped counts as completed
    at that time.

    >>> mean_jct([10.0, 20.0, 60.0])
    30.0
    """
    return fmean(jcts_s) if jcts_s else None


def p99_jct(jcts_s: Sequence[float]) -> float | None:
    """The 99th percentile of the JCT, with linear interpolation between the two nearest trials.

    >>> p99_jct([10.0, 20.0, 60.0])
    59.2
    """
    return float(np.percentile(jcts_s, 99)) if jcts_s else None


def area_weighted_jct(jcts_s: Sequence[float], areas_s: Sequence[float]) -> float | None:
    """The mean of the JCT, in seconds, each trial weighted by its area, in seconds of a worker.
    None: there is no area.

    >>> area_weighted_jct([10.0, 60.0], [1.0, 3.0])
    47.5
    """
    area_s = sum(areas_s)
    return sum(jct_s * of_one for jct_s, of_one in zip(jcts_s, areas_s, strict=True)) / area_s if area_s else None


def mean_wait(waits_s: Sequence[float]) -> float | None:
    """The mean over completed trials of the seconds between arrival and completion in which the
    trial was in no segment: before its first segment, and between two. None: there is no completed
    trial.

    >>> mean_wait([0.0, 30.0])
    15.0
    """
    return fmean(waits_s) if waits_s else None


def waits_by_size(waits_s: Sequence[float], areas_s: Sequence[float]) -> tuple[float | None, float | None]:
    """The mean wait of the trials whose area is at most the median, and of the others. None for
    both: all trials have the same area, apart from rounding.

    >>> waits_by_size([1.0, 3.0, 10.0], [5.0, 5.0, 8.0])
    (2.0, 10.0)
    >>> waits_by_size([1.0, 3.0], [0.3, 0.1 + 0.2])
    (None, None)
    """
    areas_s = level(areas_s)
    if len(set(areas_s)) < 2:
        return None, None
    middle = median_low(areas_s)
    pairs = list(zip(waits_s, areas_s, strict=True))
    return mean_wait([s for s, area in pairs if area <= middle]), mean_wait([s for s, area in pairs if area > middle])


def allocation_rate(held_gpu_s: float, gpu_s: float) -> float | None:
    """GPU seconds in segments, finished or lost, as a share of the GPU seconds of the nodes in the
    cluster. None: no node has a GPU.

    >>> allocation_rate(held_gpu_s=60.0, gpu_s=240.0)
    0.25
    """
    return held_gpu_s / gpu_s if gpu_s else None


def best_score(scores: Iterable[float | None], metric: Metric | None) -> float | None:
    """The best score that any trial of any experiment reported. None: there is none, or experiments
    have different metrics (`metric` is None).

    >>> best_score([0.3, 0.9, None], Metric("accuracy", "max")), best_score([0.3, 0.9, None], Metric("loss", "min"))
    (0.9, 0.3)
    """
    return None if metric is None else metric.best(scores)


def time_to_target(reached_s: Iterable[float | None]) -> float | None:
    """The moment, in seconds since the start of the run, when the last experiment reached its
    target score: some trial of it first reported that score or a better one. None: one never
    reached it, or there is no target.

    >>> time_to_target([40.0, 90.0])
    90.0
    >>> time_to_target([40.0, None])
    """
    moments = list(reached_s)
    known = [moment for moment in moments if moment is not None]
    return max(known) if known and len(known) == len(moments) else None


def within(amount: float, limit: float) -> bool:
    """Whether an amount, such as a cost or a time, is within its limit, apart from rounding.

    >>> within(0.1 + 0.2, 0.3), within(0.31, 0.3)
    (True, False)
    """
    return amount <= limit * (1 + ROUNDING)


def score_at(
    scores: Iterable[tuple[float, float | None]], deadline_s: float | None, metric: Metric | None
) -> float | None:
    """The `best_score` up to the deadline, from pairs (seconds, score). None without a deadline.

    >>> score_at([(10.0, 0.3), (20.0, 0.2), (30.0, 0.9)], 20.0, Metric("accuracy", "max"))
    0.3
    """
    if deadline_s is None:
        return None
    return best_score((score for time, score in scores if within(time, deadline_s)), metric)


def utilisation(busy_s: Iterable[float], present_s: Iterable[float]) -> float:
    """Seconds of workers in segments, finished or lost, as a share of their seconds in the cluster
    until the last segment ended. Devices without a worker do not count.

    >>> utilisation(busy_s=[50.0, 100.0], present_s=[100.0, 100.0])
    0.75
    """
    there = sum(present_s)
    return sum(busy_s) / there if there else 0.0


def wasted_fraction(wasted_s: float, busy_s: float) -> float:
    """Wasted work as a share of the workers' busy seconds. Work is wasted, in seconds of a worker,
    if its segment was lost. It is also wasted if the segment was finished and the only checkpoint
    of its trial was lost later.

    >>> wasted_fraction(wasted_s=30.0, busy_s=120.0)
    0.25
    """
    return wasted_s / busy_s if busy_s else 0.0


def finish_time_fairness(jct_s: float, fair_s: float) -> float:
    """The ratio rho of Themis (NSDI'20) and Gavel (OSDI'20) of an experiment. It is the completion
    minus the arrival, divided by the seconds that the experiment would need alone with an equal
    share of every worker of the run. Above 1, sharing cost it time.

    >>> finish_time_fairness(jct_s=300.0, fair_s=200.0)
    1.5
    """
    return jct_s / fair_s


def decision_time(decision_s: float, decisions: int) -> float | None:
    """Mean seconds of a policy's call on this host. Its `setup` is spread over the calls. These
    seconds are no part of a simulated run's time. None: no call was measured.

    >>> decision_time(decision_s=0.5, decisions=200)
    0.0025
    """
    return decision_s / decisions if decisions else None


def ratio_to_bound(value: float | None, bound: float | None) -> float | None:
    """A figure divided by its bound. None: one of them is unknown, or the bound is 0.

    >>> ratio_to_bound(120.0, 100.0)
    1.2
    """
    return value / bound if value is not None and bound else None
