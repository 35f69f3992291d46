"""Whether the state of trials grows with their iterations, by how long their checkpoints take."""

from collections.abc import Sequence
from math import sqrt
from statistics import StatisticsError, correlation, fmean, linear_regression

from scipy.special import stdtrit

LEAST_SEGMENTS = 6
"""With fewer segments a line through their checkpoints says little."""

PLAIN = 0.8
"""The correlation from which growth is believed. Twelve segments that do not grow reach it once in
a thousand times. With fewer segments, a higher correlation is asked, which they reach as rarely:
0.96 of six."""

RARE = 0.001
"""How often segments that do not grow are taken for segments that do."""

LEAST_INTERCEPT = 0.1
"""The checkpoint of a new trial takes at least this part of the mean checkpoint. A line may say
less than nothing."""


def state_growth(checkpoints: Sequence[tuple[int, float]]) -> float:
    """How much longer a checkpoint takes per iteration, as a part of the checkpoint of a new trial.
    0: it is not plain that checkpoints grow.

    `checkpoints` are a trial's iterations and the seconds of its checkpoint.

    >>> round(state_growth([(n, 0.01 + 0.001 * n) for n in range(10, 70, 10)]), 3)
    0.1
    >>> state_growth([(n, 0.01) for n in range(10, 70, 10)])
    0.0
    """
    iterations, seconds = [float(count) for count, _ in checkpoints], [taken_s for _, taken_s in checkpoints]
    if len(checkpoints) < LEAST_SEGMENTS:
        return 0.0
    try:
        if correlation(iterations, seconds) < max(PLAIN, _reached_by_chance(len(checkpoints))):
            return 0.0
    except StatisticsError:  # all take equally long, or have as many iterations
        return 0.0
    slope, intercept = linear_regression(iterations, seconds)
    new_s = max(intercept, LEAST_INTERCEPT * fmean(seconds))
    return max(0.0, (fmean(seconds) - new_s) / (new_s * fmean(iterations))) if slope > 0 else 0.0


def _reached_by_chance(segments: int) -> float:
    """The correlation that so many segments which do not grow reach as often as `RARE` says, by
    Student's t."""
    t = float(stdtrit(segments - 2, 1 - RARE))
    return t / sqrt(segments - 2 + t * t)
