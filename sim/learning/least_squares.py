"""Fits the constants of a learning model to recordings."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from hetsched.domain.learning import LearningModel
from sim.learning.errors import course_of, recorded_scores, scores_on
from sim.learning.recordings import Recording

Bounds = Mapping[str, tuple[float, float, float]]
"""Least value, start and greatest value of each constant that is fitted."""

Array = NDArray[np.float64]

STARTS = 3
"""The number of starts: a fit finds the best point near its start. One start is given, the others
are random."""

PRECISION = 1e-4
"""The search ends when a step improves the fit by less than this share."""


def fitted_constants(
    make: Callable[..., LearningModel],
    bounds: Bounds,
    recordings: Sequence[Recording],
    names: Collection[str] = (),
    starts: int = STARTS,
) -> dict[str, float]:
    """The constants that predict these recordings best, by least squares. The robust loss bends at
    1/20 of `bend_of` the recordings. With `names`, only these constants are fitted. The others keep
    the model's defaults."""
    chosen = [name for name in bounds if not names or name in names]
    low, start, high = np.array([bounds[name] for name in chosen]).T
    courses = [course_of(recording) for recording in recordings]
    recorded = np.concatenate([recorded_scores(recording) for recording in recordings])

    def residuals(point: Array) -> Array:
        model = make(**dict(zip(chosen, point.tolist(), strict=True)))
        misses: Array = np.concatenate([scores_on(model, course) for course in courses]) - recorded
        return misses

    rng = np.random.default_rng(0)
    points = [start, *(rng.uniform(low, high) for _ in range(starts - 1))]
    bend = 0.05 * bend_of(recordings)
    found = [
        least_squares(
            residuals, point, bounds=(low, high), loss="soft_l1", f_scale=bend, x_scale=high - low, ftol=PRECISION
        )
        for point in points
    ]
    best = min(found, key=lambda solution: float(solution.cost))
    return {name: float(f"{value:.4g}") for name, value in zip(chosen, best.x.tolist(), strict=True)}


def bend_of(recordings: Sequence[Recording]) -> float:
    """1 for accuracies and other shares. For scores with a larger range it is the range."""
    scores = [line.score for recording in recordings for line in recording.evaluations]
    return max(1.0, max(scores) - min(scores))
