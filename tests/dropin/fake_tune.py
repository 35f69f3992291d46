"""A fake of Tune's controller and trials, which starts, saves and pauses at once: schedulers cannot
tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray import tune
from ray.train._internal.session import _TrainingResult
from ray.tune import Checkpoint
from ray.tune.schedulers import TrialScheduler

CONTINUE, PAUSE, STOP = TrialScheduler.CONTINUE, TrialScheduler.PAUSE, TrialScheduler.STOP


class FakeTrial:
    """What schedulers touch of one of Tune's trials."""

    trainable_name = "made-up"
    experiment_dir_name = "experiment"
    storage = None

    def __init__(self, name: str, config: dict[str, Any], stop: dict[str, Any], folder: Path) -> None:
        self.trial_id = self.experiment_tag = name
        self.config = config
        self.stopping_criterion = stop
        self.status = "PENDING"
        self.evaluated_params: dict[str, Any] = {}
        self.placement_group_factory = tune.PlacementGroupFactory([{"CPU": 1}])
        manager = SimpleNamespace(_latest_checkpoint_result=None, checkpoint_config=SimpleNamespace(num_to_keep=None))
        self.run_metadata = SimpleNamespace(checkpoint_manager=manager)
        self.temporary_state = SimpleNamespace(ray_actor=None, saving_to=None)
        self.iteration = 0
        self._folder = folder

    @property
    def latest_checkpoint_result(self) -> Any:
        return self.run_metadata.checkpoint_manager._latest_checkpoint_result

    def save(self, result: dict[str, Any]) -> None:
        saved = _TrainingResult(Checkpoint(str(self._folder)), dict(result))
        self.run_metadata.checkpoint_manager._latest_checkpoint_result = saved

    def get_trainable_cls(self) -> type:
        return tune.Trainable

    def set_config(self, config: dict[str, Any]) -> None:
        self.config = config

    def set_experiment_tag(self, tag: str) -> None:
        self.experiment_tag = tag

    def set_status(self, status: str) -> None:
        self.status = status

    def update_resources(self, resources: Any) -> None:
        self.placement_group_factory = resources

    def init_local_path(self) -> None:
        """The trial would make its folder."""

    def is_finished(self) -> bool:
        return self.status in ("TERMINATED", "ERROR")


class FakeController:
    """What schedulers ask of Tune's controller, and its part in a trial's course."""

    search_alg = None
    _reuse_actors = False

    def __init__(self, scheduler: Any, trials: list[FakeTrial]) -> None:
        self._scheduler = scheduler
        self._trials = trials
        self._callbacks = SimpleNamespace(_callbacks=[])
        self._queued_trial_decisions: dict[str, str] = {}
        self._trial_to_actor: dict[FakeTrial, object] = {}
        self._staged_trials: set[FakeTrial] = set()
        self._resetting_trials: set[FakeTrial] = set()
        self._actor_manager = SimpleNamespace(_actor_task_failed=None, _actor_start_failed=None)
        for trial in trials:
            scheduler.on_trial_add(self, trial)

    # What schedulers call.

    def get_trials(self) -> list[FakeTrial]:
        return self._trials

    def _process_trial_failure(self, trial: FakeTrial, exception: Exception) -> None:
        """Tune would try again."""

    def _set_trial_status(self, trial: FakeTrial, status: str) -> None:
        trial.status = status

    def _schedule_trial_save(self, trial: FakeTrial, result: dict[str, Any]) -> Any:
        trial.save(result)
        return trial.latest_checkpoint_result.checkpoint

    def pause_trial(self, trial: FakeTrial, should_checkpoint: bool) -> None:
        self._trial_to_actor.pop(trial, None)
        trial.status = "PAUSED"

    def stop_trial(self, trial: FakeTrial) -> None:
        was, self._trial_to_actor = trial.status, {k: v for k, v in self._trial_to_actor.items() if k is not trial}
        if was == "RUNNING":
            self._scheduler.on_trial_complete(self, trial, self.last[trial])
        else:
            self._scheduler.on_trial_remove(self, trial)
        trial.status = "TERMINATED"

    # What happens.

    last: dict[FakeTrial, dict[str, Any]]

    def step(self) -> None:
        """Start what is to start: trials go on from their checkpoints."""
        self._scheduler.choose_trial_to_run(self)
        for trial in self._trials:
            if trial.status == "PENDING" or (trial.status == "PAUSED" and not self._callbacks._callbacks):
                trial.status = "RUNNING"
                trial.temporary_state.ray_actor = self._trial_to_actor[trial] = object()
                saved = trial.latest_checkpoint_result
                trial.iteration = saved.metrics["training_iteration"] if saved else 0
                for callback in self._callbacks._callbacks:
                    callback.on_trial_start(0, self._trials, trial)

    def report(self, trial: FakeTrial, score: float) -> None:
        """The trial has trained an iteration."""
        trial.iteration += 1
        result = {"training_iteration": trial.iteration, "score": score, "time_this_iter_s": 0.0}
        self.last = {**getattr(self, "last", {}), trial: result}
        if trial.iteration >= trial.stopping_criterion["training_iteration"]:
            self.stop_trial(trial)
            return
        decision = self._scheduler.on_trial_result(self, trial, result)
        if decision == PAUSE:
            trial.save(result)
            self._queued_trial_decisions[trial.trial_id] = PAUSE
            for callback in self._callbacks._callbacks:
                callback.on_trial_save(0, self._trials, trial)
            decision = self._queued_trial_decisions.pop(trial.trial_id)
            if decision == PAUSE:
                self.pause_trial(trial, should_checkpoint=False)
            elif decision == STOP:
                self.stop_trial(trial)

    def end(self) -> None:
        for callback in self._callbacks._callbacks:
            callback.on_experiment_end(self._trials)


def ray_node(name: str, cpus: int) -> dict[str, Any]:
    """A node as `ray.nodes()` tells of it."""
    return {
        "NodeID": f"id-{name}",
        "Alive": True,
        "NodeManagerAddress": "127.0.0.1",
        "NodeManagerHostname": "here",
        "Resources": {"CPU": float(cpus)},
        "Labels": {"hetsched-node": name},
    }


@contextmanager
def ray_with(*nodes: dict[str, Any]) -> Iterator[None]:
    """Ray has these nodes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray, "nodes", lambda: list(nodes))
        yield
