"""The random variation of scores about their mean: by the images of an evaluation, and by the
seed."""

from collections.abc import Sequence

import numpy as np

from hetsched.domain.metric import DEFAULT
from hetsched.studies.fit_result import Noise
from sim.learning.recordings import Recording


def noise_of(recordings: Sequence[Recording], metric: str) -> Noise:
    """The noise of these recordings, after their first line: the root of the mean variance.

    An accuracy p on n images has the binomial variance p (1 - p) / n. Recordings that differ only
    by their seeds have a variance about the mean of each evaluation.
    """
    lines = [line for recording in recordings for line in recording.evaluations[1:]]
    by_images = [line.score * (1 - line.score) / line.evaluation_images for line in lines if line.evaluation_images]
    groups: dict[object, list[Recording]] = {}
    for recording in recordings:
        groups.setdefault(recording.configuration, []).append(recording)
    repeated = [group for group in groups.values() if len(group) > 1]
    scores = [np.array([[line.score for line in each.evaluations[1:]] for each in group]) for group in repeated]
    variances = [float(variance) for of_group in scores for variance in of_group.var(axis=0, ddof=1)]
    return Noise(
        by_images=_root_mean(by_images) if metric == DEFAULT.name else None,
        between_seeds=_root_mean(variances),
        repeated=sum(map(len, repeated)),
    )


def _root_mean(variances: Sequence[float]) -> float | None:
    return float(np.sqrt(np.mean(variances))) if variances else None
