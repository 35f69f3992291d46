"""Population-Based Training in real runs: Ray's class ranks and explores, trials and random numbers are ours."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from ray import tune

from hetsched.core.trial import Trial
from hetsched.domain.exploring import Exploration
from hetsched.domain.hyperparameters import Choice, Float, Hyperparameters, Integer
from hetsched.domain.random_streams import stream
from hetsched.domain.workload import PBT, Experiment, TrialId
from real.ray_internals import LineagePBT, OwnIterationsPBT
from real.tune.ports import Exploit


class LentGenerators:
    """The random numbers of PBT.

    Ray draws them from the global generators, from which the rest of Tune draws too, as often as the timing has it.
    They are lent to PBT for each of its decisions, so that those depend on the seed and the scores alone.
    """

    def __init__(self, seed: int) -> None:
        seeds = stream(seed, "pbt").integers(2**32, size=2)
        self._python = random.Random(int(seeds[0])).getstate()
        self._numpy = np.random.RandomState(int(seeds[1])).get_state()

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """While this lasts, the global generators give PBT's numbers."""
        others = random.getstate(), np.random.get_state()
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        try:
            yield
        finally:
            self._python, self._numpy = random.getstate(), np.random.get_state()
            random.setstate(others[0])
            np.random.set_state(others[1])


class Member:
    """A trial as Ray's class sees it. It is never paused or saved, only finished."""

    status = "RUNNING"
    run_metadata = SimpleNamespace(checkpoint_manager=SimpleNamespace(checkpoint_config=tune.CheckpointConfig()))

    def __init__(self, trial: TrialId, hyperparameters: Mapping[str, Any]) -> None:
        self.trial_id = self.experiment_tag = trial
        self.config = dict(hyperparameters)
        self.finished = False

    def is_finished(self) -> bool:
        """Whether the trial is ranked no more."""
        return self.finished


class RayPBT:
    """See `real.tune.ports.PBT`. An experiment without PBT has nobody exploit anybody."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        settings = experiment.pbt or PBT()  # without PBT it is never asked
        exploration = Exploration(experiment, settings)
        self.generators = LentGenerators(seed)
        self._is_used = experiment.pbt is not None
        self._metric = experiment.metric
        ranking = LineagePBT if experiment.counts_lineage else OwnIterationsPBT
        self.ranking = ranking(
            time_attr="iterations",
            metric="score",
            mode=experiment.metric.mode,
            perturbation_interval=settings.perturbation_interval,
            hyperparam_mutations={key: _mutation(domain) for key, domain in exploration.perturbed.items()},
            custom_explore_fn=partial(_finished, exploration),
            quantile_fraction=settings.quantile_fraction,
            resample_probability=settings.resample_probability,
            perturbation_factors=settings.perturbation_factors,
            log_config=False,
        )
        initial = experiment.initial_hyperparameters(seed)
        self._members = {trial: Member(trial, values) for trial, values in initial.items()}
        controller: Any = SimpleNamespace(search_alg=None, get_trials=lambda: list(self._members.values()))
        self._controller = controller
        for member in self._members.values():
            self.ranking.on_trial_add(self._controller, _as_tunes(member))

    def report(self, trial: Trial) -> Exploit | None:
        """The trial has finished a segment. Return what it takes over, None if it goes on with its own weights."""
        if not self._is_used:
            return None
        member, ranking = self._members[trial.id], self.ranking
        ranking.exploit = None
        with self.generators.drawn():
            score = self._metric.worst if trial.score is None else trial.score
            result = {"iterations": trial.iterations, "score": score}
            ranking.on_trial_result(self._controller, _as_tunes(member), result)
        if ranking.exploit is None:
            return None
        _, source, hyperparameters = ranking.exploit
        member.config = dict(hyperparameters)
        return TrialId(source.trial_id), hyperparameters

    def follow_log(self, trial: TrialId, hyperparameters: Hyperparameters) -> None:
        """The trial has these hyperparameters, whatever was decided."""
        self._members[trial].config = dict(hyperparameters)

    def forget_score(self, trial: TrialId) -> None:
        """The trial's latest state is lost, and its score with it."""
        self.ranking.forget_score(_as_tunes(self._members[trial]))

    def complete(self, trial: TrialId) -> None:
        """The trial is completed: it is ranked no more."""
        self._members[trial].finished = True


def _as_tunes(member: Member) -> Any:
    """Ray's class asks no more of a trial than `Member` has."""
    return member


def _mutation(domain: Float | Integer | Choice) -> Any:
    """A domain in Ray's terms: a list, in which Ray moves, or a function that resamples. Ray's own domains have the
    same values, but draw them from another generator and round otherwise."""
    return list(domain.values) if isinstance(domain, Choice) else lambda: domain.at(random.random())


def _finished(exploration: Exploration, config: dict[str, Any]) -> Hyperparameters:
    """The configuration that Ray has perturbed, explored to the end with the numbers that are drawn next."""
    rng = random.Random()
    rng.setstate(random.getstate())
    new = exploration.finish(config, rng)
    random.setstate(rng.getstate())
    return new
