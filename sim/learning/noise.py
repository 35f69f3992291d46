"""The random variation of scores about their mean: by the images of an evaluation, and by the
seed."""

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from hetsched.domain.metric import DEFAULT
from hetsched.studies.fit_result import Noise
from sim.learning.recordings import Recording


def noise_of(recordings: Sequence[Recording], metric: str) -> Noise:
    """The noise of these recordings, after their first line: the root of the mean variance.

    An accuracy p on n images has the binomial variance p (1 - p) / n. Recordings that differ only
    by their seeds have a variance about the mean of each evaluation.
    """
    groups: dict[object, list[Recording]] = {}
    for recording in recordings:
        groups.setdefault(recording.configuration, []).append(recording)
    repeated = [group for group in groups.values() if len(group) > 1]
    by_group = [[float(np.var(scores, ddof=1)) for scores in _scores_by_iteration(group)] for group in repeated]
    halves = [(variances[: len(variances) // 2], variances[len(variances) // 2 :]) for variances in by_group]
    is_accuracy = metric == DEFAULT.name
    return Noise(
        by_images=_root_mean(_by_images(recordings)) if is_accuracy else None,
        between_seeds=_root_mean([*chain(*by_group)]),
        early=_root_mean([*chain(*(early for early, _ in halves))]),
        late=_root_mean([*chain(*(late for _, late in halves))]),
        repeated=sum(map(len, repeated)),
        by_images_of_repeated=_root_mean(_by_images(chain(*repeated))) if is_accuracy else None,
    )


def _by_images(recordings: Iterable[Recording]) -> list[float]:
    """The binomial variances of these recordings' scores after their first line."""
    lines = [line for recording in recordings for line in recording.evaluations[1:]]
    return [line.score * (1 - line.score) / line.evaluation_images for line in lines if line.evaluation_images]


def _scores_by_iteration(group: Sequence[Recording]) -> list[list[float]]:
    """The scores of several recordings after the same iterations, as far as at least two have one,
    in the order of the iterations."""
    scores: dict[int, list[float]] = {}
    for recording in group:
        for line in recording.evaluations[1:]:
            scores.setdefault(line.iteration, []).append(line.score)
    return [of_all for _, of_all in sorted(scores.items()) if len(of_all) > 1]


def _root_mean(variances: Sequence[float]) -> float | None:
    return float(np.sqrt(np.mean(variances))) if variances else None
