"""Population-Based Training, with the same decisions as Ray Tune's `PopulationBasedTraining`.

Jaderberg et al., "Population Based Training of Neural Networks" (2017), with the rules of
`ray.tune.schedulers.pbt` (asynchronous mode):

- A trial is examined when it has done at least one interval of iterations since its last
  examination.
- Its score is ranked among the last such scores of all unfinished trials, in the direction of the
  metric. Ties are in the order in which the trials were added. An unknown score ranks as the worst.
  Quantiles have ceil(n x fraction) trials, at most floor(n / 2).
- A trial in the lower quantile takes over a random trial of the upper one and explores: each
  hyperparameter is resampled with the resample probability. Else a number is multiplied by one of
  the two factors (an integer is then rounded), an ordered choice moves to a neighbour, and a choice
  without an order stays. A value that a factor takes out of its range becomes the nearest value of
  the range. With `pbt.bounds` = "ray" it leaves the range, as in Ray. A hyperparameter that has a
  single value is not explored, nor is one that `pbt.mutate` leaves out.

Random numbers are drawn in Ray's order, so that equal streams give equal decisions
(`tests/real/test_pbt_parity.py`). As in `real`, every finished segment leaves a checkpoint.
Iterations are the trial's own: cloning weights changes neither their count nor when the trial is
looked at next. With `pbt.iterations = "lineage"` both jump to the source's, as in Ray.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import takewhile
from math import ceil, floor
from random import Random
from typing import Any

from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.exploring import Exploration
from hetsched.domain.hyperparameters import Choice, Hyperparameters
from hetsched.domain.workload import PBT, Experiment, TrialId


class PopulationBasedTraining:
    """PBT of one experiment."""

    def __init__(self, experiment: Experiment, settings: PBT, state: State, rng: Random) -> None:
        self._interval = settings.perturbation_interval
        self._settings = settings
        self._sizes = [quantile_size(n, settings.quantile_fraction) for n in range(experiment.population + 1)]
        self._exploration = Exploration(experiment, settings)
        self._takes_counts = experiment.counts_lineage
        self._state = state
        self._rng = rng
        self._metric = experiment.metric
        self._ranks = array("d")  # those of the scores, worst first, and whose they are
        self._names: list[TrialId] = []
        self._last: dict[TrialId, tuple[int, float]] = {}

    def perturb(self, trial: Trial, lot: float | None = None) -> tuple[TrialId, Hyperparameters] | None:
        """The trial to exploit and the new hyperparameters, at the end of a trial's segment. None:
        there is no exploit.

        The trial is ranked by its score unless a `lot` was drawn for it.
        """
        name, iterations = trial.id, trial.iterations
        rank = self._metric.rank(trial.score) if lot is None else lot
        last = self._last.get(name)
        if last is None:
            if iterations < self._interval:
                return None
        elif iterations - last[0] < self._interval:
            return None
        else:
            self._unrank(name, last[1])
        self._last[name] = (iterations, rank)
        ranks, names = self._ranks, self._names
        place = bisect_left(ranks, rank)
        if place < len(ranks) and ranks[place] == rank:
            place += self._ahead(trial, rank, ranks[place:], names[place:])
        ranks.insert(place, rank)
        names.insert(place, name)
        size = self._sizes[len(names)]
        if place >= size:
            return None
        source = names[len(names) - size + self._rng.choice(range(size))]
        if self._takes_counts:
            self._last[name] = (self._last[source][0], rank)
        return source, self.explore(self._state.trials[source].hyperparameters)

    def forget(self, trial: TrialId) -> None:
        """Rank the trial no longer: it is finished, or its state is lost."""
        last = self._last.pop(trial, None)
        if last is not None:
            self._unrank(trial, last[1])

    def _unrank(self, name: TrialId, rank: float) -> None:
        place = self._names.index(name, bisect_left(self._ranks, rank))
        del self._ranks[place], self._names[place]

    def _ahead(self, trial: Trial, rank: float, ranks: Sequence[float], names: list[TrialId]) -> int:
        """How many of these have the trial's rank and were added before it."""
        alike = takewhile(lambda ranked: ranked[0] == rank, zip(ranks, names, strict=True))
        return sum(self._state.trials[name].index < trial.index for _, name in alike)

    def quantiles(self) -> tuple[list[TrialId], list[TrialId]]:
        """The trials of the lower and of the upper quantile, worst first."""
        names = self._names
        size = self._sizes[len(names)]
        return names[:size], names[len(names) - size :]

    def explore(self, hyperparameters: Mapping[str, Any]) -> Hyperparameters:
        """Perturbed hyperparameters."""
        new, rng = dict(hyperparameters), self._rng
        for key, domain in self._exploration.perturbed.items():
            resamples = rng.random() < self._settings.resample_probability
            if isinstance(domain, Choice):
                new[key] = rng.choice(domain.values) if resamples else domain.beside(new[key], rng.choice((-1, 1)))
            else:
                new[key] = domain.cast(
                    domain.at(rng.random()) if resamples else new[key] * rng.choice(self._settings.perturbation_factors)
                )
        return self._exploration.finish(new, rng)


def quantile_size(trials: int, fraction: float) -> int:
    """The size of each quantile of `trials` ranked trials.

    >>> [quantile_size(trials, 0.25) for trials in (0, 1, 2, 5, 20)]
    [0, 0, 1, 2, 5]
    """
    if trials <= 1:
        return 0
    size = ceil(trials * fraction)
    return floor(trials / 2) if size > trials / 2 else size
