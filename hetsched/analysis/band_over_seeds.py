"""The best scores of a strategy's runs together: their mean and their range."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hetsched.analysis.best_over_time import Steps

Array = NDArray[np.float64]

MOMENTS = 200
"""The number of moments at which runs are combined."""


class Band(NamedTuple):
    """The mean, the least and the greatest score over the seeds, at moments in seconds. nan: some
    seed has no score yet.
    """

    time_s: Array
    mean: Array
    low: Array
    high: Array
    seeds: int


def band_over_seeds(runs: Sequence[Steps], end_s: float) -> Band:
    """The band from the start to `end_s`. A run that is over keeps its best score.

    >>> band = band_over_seeds([[(10.0, 0.5)], [(20.0, 0.25), (40.0, 0.75)]], 40.0)
    >>> band.mean[-1].item(), band.low[-1].item(), band.high[-1].item(), band.seeds
    (0.625, 0.5, 0.75, 2)
    """
    moments = np.linspace(0.0, end_s, MOMENTS + 1)
    scores = np.array([_at(run, moments) for run in runs])
    return Band(moments, scores.mean(axis=0), scores.min(axis=0), scores.max(axis=0), len(runs))


def _at(run: Steps, moments: Array) -> Array:
    known = np.array([np.nan, *(score for _, score in run)])
    found: Array = known[np.searchsorted([time_s for time_s, _ in run], moments, side="right")]
    return found
