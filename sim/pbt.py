"""Population-Based Training, decision for decision what Ray Tune's `PopulationBasedTraining` does.

Jaderberg et al., "Population Based Training of Neural Networks" (2017), with the rules of
`ray.tune.schedulers.pbt` (asynchronous mode):

- a trial is looked at when it has done at least an interval of iterations since it was last looked at;
- its score is ranked among the last such scores of all trials that are not finished (ties in the order in
  which the trials were added); quantiles hold ceil(n x fraction) trials, at most floor(n / 2);
- a trial in the lower quantile takes over a random trial of the upper one and explores: each hyperparameter is
  resampled with the resample probability, else multiplied by one of the two factors.

Random numbers are drawn in Ray's order, so that equal streams give equal decisions (`tests/test_pbt_parity.py`). As in
`real`, every finished segment leaves a checkpoint, and iterations are the trial's own: cloning weights changes neither
their count nor when the trial is looked at next. In Ray they jump to the source's.
"""

from bisect import bisect_left
from collections.abc import Mapping
from math import ceil, floor, isnan
from random import Random

from hetsched.state import State, Trial
from hetsched.workload import PBT, Experiment, Hyperparameters, TrialId

Ranked = tuple[float, int, TrialId]


class PopulationBasedTraining:
    """PBT of one experiment."""

    def __init__(self, experiment: Experiment, settings: PBT, state: State, rng: Random) -> None:
        self._interval = settings.perturbation_interval
        self._settings = settings
        self._sizes = [quantile_size(n, settings.quantile_fraction) for n in range(experiment.population + 1)]
        self._space = experiment.search_space
        self._state = state
        self._rng = rng
        self._ranking: list[Ranked] = []
        self._ranked: dict[TrialId, Ranked] = {}
        self._perturbed_at: dict[TrialId, int] = {}

    def perturb(self, trial: Trial) -> tuple[TrialId, Hyperparameters] | None:
        """At the end of a trial's segment: the trial to exploit and the new hyperparameters, or None."""
        name, ranking = trial.id, self._ranking
        if trial.iterations - self._perturbed_at.get(name, 0) < self._interval:
            return None
        self._perturbed_at[name] = trial.iterations
        before = self._ranked.pop(name, None)
        if before is not None:
            del ranking[bisect_left(ranking, before)]
        assert trial.score is not None
        if isnan(trial.score):  # as in Ray, it is not ranked
            return None
        self._ranked[name] = entry = (trial.score, trial.index, name)
        place = bisect_left(ranking, entry)
        ranking.insert(place, entry)
        size = self._sizes[len(ranking)]
        if place >= size:
            return None
        source = ranking[len(ranking) - size + self._rng.choice(range(size))][2]
        return source, self.explore(self._state.trials[source].hyperparameters)

    def forget(self, trial: TrialId) -> None:
        """The trial is finished: it is no longer ranked."""
        entry = self._ranked.pop(trial, None)
        if entry is not None:
            del self._ranking[bisect_left(self._ranking, entry)]

    def reset(self, trial: TrialId) -> None:
        """The trial has lost its newest checkpoint: its score is unknown, and it counts as never looked at."""
        self.forget(trial)
        self._perturbed_at.pop(trial, None)

    def quantiles(self) -> tuple[list[TrialId], list[TrialId]]:
        """The trials of the lower and of the upper quantile, worst first."""
        names = [name for _, _, name in self._ranking]
        size = self._sizes[len(names)]
        return names[:size], names[len(names) - size :]

    def explore(self, hyperparameters: Mapping[str, float]) -> Hyperparameters:
        """Perturbed hyperparameters. As in Ray, factors may lead out of the search space."""
        new = dict(hyperparameters)
        for key, span in self._space.items():
            if self._rng.random() < self._settings.resample_probability:
                new[key] = span.at(self._rng.random())
            else:
                new[key] = hyperparameters[key] * self._rng.choice(self._settings.perturbation_factors)
        return new


def quantile_size(trials: int, fraction: float) -> int:
    """How many of so many ranked trials are in each quantile.

    >>> [quantile_size(trials, 0.25) for trials in (0, 1, 2, 5, 20)]
    [0, 0, 1, 2, 5]
    """
    if trials <= 1:
        return 0
    size = ceil(trials * fraction)
    return floor(trials / 2) if size > trials / 2 else size
