"""The best score of a run over time, and its mean over runs."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from statistics import fmean

from hetsched.analysis.scores_over_time import reported_scores
from hetsched.core.events import Event

Steps = list[tuple[float, float]]
"""Seconds since the start of a run, ascending, and the best score from then on."""

POINTS = 400
"""The most points of a mean."""


def best_over_time(events: Iterable[Event]) -> Steps:
    """When a trial reported a better score than all before. Empty: experiments have different
    metrics."""
    steps: Steps = []
    for time_s, _, score, metric in reported_scores(events):
        if metric.better(score, steps[-1][1] if steps else None):
            steps.append((time_s, score))
    return steps


def mean_over_time(runs: Sequence[Steps], points: int = POINTS) -> Steps:
    """The mean of the runs' steps, from the moment at which all runs have a score. Empty: some run
    never has one.

    >>> mean_over_time([[(1.0, 0.2), (3.0, 0.4)], [(2.0, 0.6)]])
    [(2.0, 0.4), (3.0, 0.5)]
    """
    if not runs or not all(runs):
        return []
    first = max(steps[0][0] for steps in runs)
    moments = sorted({time for steps in runs for time, _ in steps if time >= first})
    if len(moments) > points:
        moments = [moments[round(i * (len(moments) - 1) / (points - 1))] for i in range(points)]
    return [(moment, fmean(_at(steps, moment) for steps in runs)) for moment in moments]


def _at(steps: Steps, moment: float) -> float:
    return steps[bisect_right(steps, moment, key=lambda step: step[0]) - 1][1]
