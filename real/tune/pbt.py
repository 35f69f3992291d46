"""Population-Based Training in real runs. Ray's class ranks and explores; trials and random numbers
are hetsched's."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from ray import tune

from hetsched.core.trial import Trial
from hetsched.domain.exploring import Exploration
from hetsched.domain.hyperparameters import Choice, Float, Hyperparameters, Integer
from hetsched.domain.random_streams import stream
from hetsched.domain.workload import PBT, Experiment, TrialId
from real.ray_internals.pbt import LineagePBT, OwnIterationsPBT
from real.tune.ports import Exploit


class LentGenerator:
    """The random numbers of PBT.

    Ray draws them from Python's global generator. The rest of Tune draws from it, too, and how
    often depends on the timing. While PBT decides, the global generator has PBT's own state. So
    decisions depend on the seed and the scores only.
    """

    def __init__(self, seed: int) -> None:
        self._state = random.Random(stream(seed, "pbt").integers(2**63).item()).getstate()

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Within this context, the global generator returns PBT's numbers."""
        others = random.getstate()
        random.setstate(self._state)
        try:
            yield
        finally:
            self._state = random.getstate()
            random.setstate(others)


class Member:
    """A trial as Ray's class sees it. It is never paused or saved, only finished."""

    status = "RUNNING"
    run_metadata = SimpleNamespace(checkpoint_manager=SimpleNamespace(checkpoint_config=tune.CheckpointConfig()))

    def __init__(self, trial: TrialId, hyperparameters: Mapping[str, Any]) -> None:
        self.trial_id = self.experiment_tag = trial
        self.config = dict(hyperparameters)
        self.finished = False

    def is_finished(self) -> bool:
        """Whether the trial is no longer ranked."""
        return self.finished


class RayPBT:
    """See `real.tune.ports.PBT`. In an experiment without PBT no trial exploits another."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        settings = experiment.pbt or PBT()  # without PBT it is never asked
        exploration = Exploration(experiment, settings)
        self.generator = LentGenerator(seed)
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
        """The trial has finished a segment. Returns what the trial copies. None: it goes on with
        its own weights."""
        if not self._is_used:
            return None
        member, ranking = self._members[trial.id], self.ranking
        ranking.exploit = None
        with self.generator.drawn():
            score = self._metric.worst if trial.score is None else trial.score
            result = {"iterations": trial.iterations, "score": score}
            ranking.on_trial_result(self._controller, _as_tunes(member), result)
        if ranking.exploit is None:
            return None
        _, source, hyperparameters = ranking.exploit
        member.config = dict(hyperparameters)
        return TrialId(source.trial_id), hyperparameters

    def follow_log(self, trial: TrialId, hyperparameters: Hyperparameters) -> None:
        """Set the trial's hyperparameters to the values in the log, whatever was decided."""
        self._members[trial].config = dict(hyperparameters)

    def forget_score(self, trial: TrialId) -> None:
        """The trial's latest state is lost, and with it its score."""
        self.ranking.forget_score(_as_tunes(self._members[trial]))

    def complete(self, trial: TrialId) -> None:
        """The trial is completed. It is no longer ranked."""
        self._members[trial].finished = True


def _as_tunes(member: Member) -> Any:
    """The member as a trial of Tune. Ray's class uses only what `Member` has."""
    return member


def _mutation(domain: Float | Integer | Choice) -> Any:
    """A domain in Ray's terms: a list, in which Ray moves, or a function that resamples. Ray's own
    domains have the same values, but they use another generator and round otherwise."""
    return list(domain.values) if isinstance(domain, Choice) else lambda: domain.at(random.random())


def _finished(exploration: Exploration, config: dict[str, Any]) -> Hyperparameters:
    """The configuration that Ray has perturbed, with the rest of the exploration. It draws the next
    random numbers."""
    rng = random.Random()
    rng.setstate(random.getstate())
    new = exploration.finish(config, rng)
    random.setstate(rng.getstate())
    return new
