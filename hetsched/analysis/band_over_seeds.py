"""How the best score of a run grew, and what runs under several seeds come to together."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hetsched.core.events import Event, SegmentEnded
from hetsched.domain.metric import Metric

Array = NDArray[np.float64]

MOMENTS = 200
"""At so many moments runs are brought together."""


class BestScores(NamedTuple):
    """The best score so far: `score[i]` from `time_s[i]` on, until the run ended at `end_s`."""

    time_s: list[float]
    score: list[float]
    end_s: float


class Band(NamedTuple):
    """The mean over the seeds, and the least and the most, at moments in seconds; nan until every seed has a score. A
    run that is over keeps its best score."""

    time_s: Array
    mean: Array
    low: Array
    high: Array
    seeds: int


def best_scores(events: Iterable[Event], metric: Metric) -> BestScores:
    """Of all trials of a run."""
    found = BestScores([], [], 0.0)
    for event in events:
        found = found._replace(end_s=event.time)
        best = found.score[-1] if found.score else None
        if isinstance(event, SegmentEnded) and event.score is not None and metric.better(event.score, best):
            found.time_s.append(event.time)
            found.score.append(event.score)
    return found


def over_seeds(runs: Sequence[BestScores]) -> Band:
    """
    >>> band = over_seeds([BestScores([10.0], [0.5], 40.0), BestScores([20.0, 40.0], [0.25, 0.75], 40.0)])
    >>> band.mean[-1].item(), band.low[-1].item(), band.high[-1].item(), band.seeds
    (0.625, 0.5, 0.75, 2)
    """
    moments = np.linspace(0.0, max(run.end_s for run in runs), MOMENTS + 1)
    scores = np.array([_at(run, moments) for run in runs])
    return Band(moments, scores.mean(axis=0), scores.min(axis=0), scores.max(axis=0), len(runs))


def _at(run: BestScores, moments: Array) -> Array:
    known = np.array([np.nan, *run.score])
    found: Array = known[np.searchsorted(run.time_s, moments, side="right")]
    return found
