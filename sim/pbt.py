"""Population-Based Training with the rules of Ray Tune's `PopulationBasedTraining`.

Jaderberg et al., "Population Based Training of Neural Networks" (2017), with the rules of
`ray.tune.schedulers.pbt` (asynchronous mode):

- a trial is looked at when it has done at least an interval of iterations since it was last looked at;
- its score is ranked among the last such scores of all trials that are not finished (ties in the order in
  which the trials were added); quantiles hold ceil(n x fraction) trials, at most floor(n / 2);
- a trial in the lower quantile takes over a random trial of the upper one and explores: each hyperparameter is
  resampled with the resample probability, else multiplied by one of the two factors.

The rules are Ray's; the random draws are not: Ray resamples with NumPy's generator, this class with its own,
so equal seeds do not give equal exploits. As in `real`, every finished segment leaves a checkpoint, and
iterations are the trial's own: cloning weights does not change the count.
"""

from collections.abc import Mapping
from math import ceil, floor
from random import Random

from sortedcontainers import SortedList

from hetsched.state import State, Trial
from hetsched.workload import PBT, Experiment, Hyperparameters, TrialId


class PopulationBasedTraining:
    """PBT of one experiment."""

    def __init__(self, experiment: Experiment, settings: PBT, state: State, rng: Random) -> None:
        self._settings = settings
        self._space = experiment.search_space
        self._state = state
        self._rng = rng
        self._ranking: SortedList[tuple[float, int, TrialId]] = SortedList()
        self._ranked: dict[TrialId, tuple[float, int, TrialId]] = {}
        self._perturbed_at: dict[TrialId, int] = {}

    def perturb(self, trial: Trial) -> tuple[TrialId, Hyperparameters] | None:
        """At the end of a trial's segment: the trial to exploit and the new hyperparameters, or None."""
        if trial.iterations - self._perturbed_at.get(trial.id, 0) < self._settings.perturbation_interval:
            return None
        self._perturbed_at[trial.id] = trial.iterations
        self.forget(trial.id)
        assert trial.score is not None
        self._ranked[trial.id] = entry = (trial.score, trial.index, trial.id)
        self._ranking.add(entry)
        size = self.quantile_size(len(self._ranking))
        if size == 0 or self._ranking.index(entry) >= size:
            return None
        _, _, source = self._rng.choice(self._ranking[len(self._ranking) - size :])
        return source, self.explore(self._state.trials[source].hyperparameters)

    def forget(self, trial: TrialId) -> None:
        """The trial is finished: it is no longer ranked."""
        entry = self._ranked.pop(trial, None)
        if entry is not None:
            self._ranking.remove(entry)

    def quantile_size(self, trials: int) -> int:
        """How many of so many ranked trials are in each quantile."""
        if trials <= 1:
            return 0
        size = ceil(trials * self._settings.quantile_fraction)
        return floor(trials / 2) if size > trials / 2 else size

    def explore(self, hyperparameters: Mapping[str, float]) -> Hyperparameters:
        """Perturbed hyperparameters. As in Ray, factors may lead out of the search space."""
        new = dict(hyperparameters)
        for key, span in self._space.items():
            if self._rng.random() < self._settings.resample_probability:
                new[key] = span.at(self._rng.random())
            else:
                new[key] = hyperparameters[key] * self._rng.choice(self._settings.perturbation_factors)
        return new
