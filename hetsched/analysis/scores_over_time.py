"""The scores of a run's trials over time: the best one, and their mean."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from hetsched.core.events import Event, ExperimentArrived, SegmentEnded
from hetsched.domain.metric import Metric, shared
from hetsched.domain.rounding import ROUNDING
from hetsched.domain.workload import TrialId


class Scores(NamedTuple):
    """The scores at a moment, in seconds since the start of a run. `best` is the best score that
    any trial has reported. `mean` is the mean of the latest score of each trial, over the trials
    that have reported one."""

    time_s: float
    best: float
    mean: float


class Reported(NamedTuple):
    """A score that a trial reported at the end of a segment."""

    time_s: float
    trial: TrialId
    score: float
    metric: Metric


def reported_scores(events: Iterable[Event]) -> list[Reported]:
    """All reported scores, by time. Empty: experiments have different metrics."""
    metrics: list[Metric] = []
    found: list[Reported] = []
    for event in events:
        if isinstance(event, ExperimentArrived):
            metrics.append(event.experiment.metric)
        elif isinstance(event, SegmentEnded) and event.score is not None:
            metric = shared(metrics)
            if metric is None:
                return []
            found.append(Reported(event.time, event.trial, event.score, metric))
    return found


def scores_over_time(events: Iterable[Event]) -> list[Scores]:
    """An entry per reported score, by time. Empty: experiments have different metrics."""
    latest: dict[TrialId, float] = {}
    found: list[Scores] = []
    total = Fraction()  # exact, so that it does not drift
    for time_s, trial, score, metric in reported_scores(events):
        total += Fraction(score) - Fraction(latest.get(trial, 0.0))
        latest[trial] = score
        best = score if not found or metric.better(score, found[-1].best) else found[-1].best
        found.append(Scores(time_s, best, float(total / len(latest))))
    return found


def scores_at(course: Sequence[Scores], moment_s: float) -> Scores | None:
    """The scores that hold at the moment, apart from rounding. None: the moment is before the first
    score.

    >>> scores_at([Scores(1.0, 0.2, 0.2), Scores(3.0, 0.4, 0.3)], 2.0)
    Scores(time_s=1.0, best=0.2, mean=0.2)
    >>> scores_at([Scores(0.1 + 0.2, 0.5, 0.5)], 0.3) is None
    False
    """
    after = bisect_right(course, moment_s * (1 + ROUNDING), key=lambda scores: scores.time_s)
    return course[after - 1] if after else None
