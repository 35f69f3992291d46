"""The errors of predicted scores."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from hetsched.domain.learning import LearningModel
from hetsched.domain.rounding import ROUNDING, level
from hetsched.domain.workload import TrialKind
from hetsched.studies.fit_result import Errors
from sim.learning.recordings import Recording

Predict = Callable[[Recording], list[float]]
"""Predicts the scores of a recording at every evaluation except the first, by its kind and
hyperparameters."""


class Step(NamedTuple):
    """Training from one evaluation to the next. `scored`: whether the recording has the score after
    it."""

    hyperparameters: Mapping[str, Any]
    iterations: int
    scored: bool


class Course(NamedTuple):
    """The steps of a trial. Equal hyperparameters in a row are one object, so that a model need not
    compute its answer again."""

    kind: TrialKind
    steps: Sequence[Step]


def course_of(recording: Recording) -> Course:
    """The steps up to the last score."""
    last = recording.evaluations[-1].iteration
    steps: list[Step] = []
    for before, line in pairwise(line for line in recording.lines if line.iteration <= last):
        values = line.hyperparameters
        kept = steps[-1].hyperparameters if steps and steps[-1].hyperparameters == values else values
        steps.append(Step(kept, line.iteration - before.iteration, not isnan(line.score)))
    return Course(recording.kind, steps)


def scores_on(model: LearningModel, course: Course) -> list[float]:
    """The score that the model predicts after each scored step, without noise; nan if it predicts
    none."""
    weights = model.fresh(course.kind)
    scores = []
    for hyperparameters, iterations, scored in course.steps:
        weights = model.train(weights, course.kind, hyperparameters, iterations)
        if scored:
            score = model.score(weights, 0.0)
            scores.append(nan if score is None else score)
    return scores


def predictor(model: LearningModel) -> Predict:
    """What the model predicts of recordings."""
    return lambda recording: scores_on(model, course_of(recording))


def recorded_scores(recording: Recording) -> list[float]:
    """The recorded scores that are predicted."""
    return [line.score for line in recording.evaluations[1:]]


def errors_of(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Errors:
    """The errors of predicted scores against recorded ones. Each pair is one recording. Scores that
    differ only by rounding are equal."""
    misses = np.concatenate([_misses(np.array(predicted), np.array(recorded)) for predicted, recorded in pairs])
    predicted_finals, recorded_finals = zip(
        *((predicted[-1], recorded[-1]) for predicted, recorded in pairs), strict=True
    )
    finals = np.array([level(predicted_finals), level(recorded_finals)]).T
    constant = bool((np.ptp(finals, axis=0) == 0).any())
    rho = None if constant or len(finals) < 3 else float(spearmanr(finals[:, 0], finals[:, 1]).statistic)
    return Errors(len(pairs), float(misses.mean()), rho)


def _misses(predicted: NDArray[np.float64], recorded: NDArray[np.float64]) -> NDArray[np.float64]:
    misses = np.abs(predicted - recorded)
    return np.where(misses <= ROUNDING * np.abs(recorded), 0.0, misses)


def errors(predict: Predict, recordings: Sequence[Recording]) -> Errors:
    return errors_of([(predict(recording), recorded_scores(recording)) for recording in recordings])
