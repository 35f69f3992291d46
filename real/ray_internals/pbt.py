"""Ray's PBT with checkpoints and iterations as hetsched counts them."""

import copy
import random
from typing import Any

from pyarrow.fs import FileType
from ray.train._internal import session as tune_sessions
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import PopulationBasedTraining
from ray.tune.schedulers.pbt import _PBTTrialState

from hetsched.domain.metric import Mode


class _BriefScore(_PBTTrialState):
    """What PBT knows of a trial. At every result Ray formats this of all trials, for a debug log."""

    def __repr__(self) -> str:
        return f"score {self.last_score}"


class OwnIterationsPBT(PopulationBasedTraining):
    """Ray's PBT without its checkpoints. A trial that copies weights goes on counting its own
    iterations.

    The configuration of a trial is its hyperparameters. `exploit` is what followed from the last
    result: the trial that reported, the source, and the new hyperparameters.
    """

    exploit: tuple[TuneTrial, TuneTrial, dict[str, Any]] | None = None

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """The population has one more trial."""
        super().on_trial_add(tune_controller, trial)
        self._trial_state[trial].__class__ = _BriefScore

    def forget_score(self, trial: TuneTrial) -> None:
        """Treat the trial as if it had never reported."""
        known = self._trial_state[trial]
        known.last_score, known.last_perturbation_time, known.last_train_time = None, 0, 0

    def _checkpoint_or_exploit(
        self, trial: TuneTrial, tune_controller: Any, upper_quantile: list[Any], lower_quantile: list[Any]
    ) -> None:
        """Exploit as in Ray. Every finished segment has left a checkpoint, so no source is passed
        over."""
        if trial in lower_quantile:
            self._exploit(tune_controller, trial, random.choice(upper_quantile))

    def _exploit(self, tune_controller: Any, trial: TuneTrial, trial_to_clone: TuneTrial) -> None:
        """Exploit as in Ray, without the source's times."""
        config, _ = self._get_new_config(trial, trial_to_clone)
        self.exploit = trial, trial_to_clone, config


class LineagePBT(OwnIterationsPBT):
    """Ray's PBT without its checkpoints. A trial that copies weights goes on with the source's
    times, as in Ray."""

    def _exploit(self, tune_controller: Any, trial: TuneTrial, trial_to_clone: TuneTrial) -> None:
        """Exploit as in Ray."""
        super()._exploit(tune_controller, trial, trial_to_clone)
        own, source = self._trial_state[trial], self._trial_state[trial_to_clone]
        own.last_perturbation_time = source.last_perturbation_time
        own.last_train_time = source.last_train_time


class BoundaryPBT(PopulationBasedTraining):
    """Ray's PBT with a saved state of every trial at each boundary. No source is passed over for
    lack of a checkpoint. A trial exploits the source's state at the source's last boundary.

    `exploit` is what followed from the last result: the source and the new configuration.
    """

    exploit: tuple[TuneTrial, dict[str, Any]] | None = None

    @property
    def mode(self) -> Mode:
        """Which direction of the metric is better."""
        return "min" if self._mode == "min" else "max"

    @property
    def mutations(self) -> dict[str, Any]:
        """The mutations, as the user gave them."""
        return dict(self._hyperparam_mutations)

    def saved(self, trial: TuneTrial) -> None:
        """Record that the trial has reached a boundary. Its state there is its latest
        checkpoint."""
        known, latest = self._trial_state[trial], trial.latest_checkpoint_result
        if latest is not None:
            known.last_checkpoint, known.last_result = latest.checkpoint, dict(latest.metrics)

    def recall(self, trial: TuneTrial, time: int, score: float) -> None:
        """Restore what PBT knew before the driver was restored: the iterations at which the trial
        was last looked at, and its score."""
        known = self._trial_state[trial]
        known.last_score = score if self._mode == "max" else -score
        known.last_perturbation_time = known.last_train_time = time
        self.saved(trial)

    def perturb(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> None:
        """Let PBT look at a result of a trial at a boundary. The trial is saved. If it exploits
        another trial, it is paused."""
        self.exploit = None
        super().on_trial_result(tune_controller, trial, result)
        self.saved(trial)  # Ray keeps the result as it was reported, and no checkpoint

    def go_on_from(self, trial: TuneTrial, state: Any) -> None:
        """Let the paused trial go on from this state."""
        kept: Any = trial.run_metadata.checkpoint_manager
        kept._latest_checkpoint_result = state

    def _checkpoint_or_exploit(
        self, trial: TuneTrial, tune_controller: Any, upper_quantile: list[Any], lower_quantile: list[Any]
    ) -> None:
        """Exploit as in Ray. Every trial is saved already."""
        if trial in lower_quantile:
            source = random.choice(upper_quantile)
            if not _exists(self._trial_state[source].last_checkpoint):
                self.saved(source)  # Tune keeps only so many: then it is what the source has saved since
            if _exists(self._trial_state[source].last_checkpoint):
                self._exploit(tune_controller, trial, source)

    def _exploit(self, tune_controller: Any, trial: TuneTrial, trial_to_clone: TuneTrial) -> None:
        """Exploit as in Ray. The trial gets its own copy of the metrics, because Ray writes into
        them."""
        super()._exploit(tune_controller, trial, trial_to_clone)
        state: Any = trial.latest_checkpoint_result
        metrics = copy.deepcopy(state.metrics)
        if "config" in metrics:
            metrics["config"] = copy.deepcopy(trial.config)
        self.go_on_from(trial, tune_sessions._TrainingResult(state.checkpoint, metrics))
        self.exploit = trial_to_clone, trial.config


def _exists(checkpoint: Any) -> bool:
    """Whether there is a checkpoint, and Tune has not deleted it."""
    if checkpoint is None:
        return False
    info = checkpoint.filesystem.get_file_info(checkpoint.path)
    return bool(info.type != FileType.NotFound)
