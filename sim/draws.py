"""The normal draws that make durations and scores vary. They are the same for every policy."""

from collections.abc import Iterator
from itertools import chain, count

import numpy as np
from numpy.typing import NDArray

from hetsched.domain.random_streams import stream
from hetsched.domain.workload import Experiment, ExperimentId, TrialId

Matrix = NDArray[np.float64]

DRAWS_AT_ONCE = 32


class Draws:
    """A stream of standard normal draws for each trial and each source of noise, such as `train` or
    `score`.

    The k-th draw depends only on the seed, the source, the trial and k. Two strategies under one
    seed therefore have the same noise. NumPy draws a few numbers almost as slowly as many. So the
    trials of an experiment are rows of one matrix, of shape (population, DRAWS_AT_ONCE).
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._places: dict[TrialId, tuple[Experiment, int]] = {}
        self._blocks: dict[tuple[str, ExperimentId, int], Matrix] = {}

    def arrive(self, experiment: Experiment) -> None:
        """Give streams to the trials of the experiment."""
        for number, trial in enumerate(experiment.trial_ids()):
            self._places[trial] = experiment, number

    def normals(self, source: str, trial: TrialId) -> Iterator[float]:
        """The trial's stream of that source, from its beginning."""
        experiment, number = self._places[trial]
        return chain.from_iterable(self._block(source, experiment, block)[number].tolist() for block in count())

    def _block(self, source: str, experiment: Experiment, block: int) -> Matrix:
        key = (source, experiment.id, block)
        if key not in self._blocks:
            shape = (experiment.population, DRAWS_AT_ONCE)
            self._blocks[key] = stream(self._seed, source, experiment.id, block).standard_normal(shape)
        return self._blocks[key]
