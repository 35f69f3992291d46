"""All uses of private names of Ray and Tune 2.60. What another version lacks is to be mended here.

`real.ray_private_names` lists the names, with the purpose of each.
"""

import copy
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from pyarrow.fs import FileType
from ray._private import ray_constants, services, utils, worker
from ray.exceptions import RayActorError, RayTaskError
from ray.train._internal import session as tune_sessions
from ray.tune import Callback, Checkpoint, PlacementGroupFactory, Trainable
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler
from ray.tune.search import BasicVariantGenerator

from hetsched.domain.metric import Mode
from hetsched.errors import HetschedError

MOST_LETTERS = 300
"""The most letters of an error's first line that go into the log."""


# Ray itself.


def keep_stdout_clean() -> None:
    """Keep Ray's messages about dead processes out of stdout. Call it after `ray.init`."""
    worker._worker_logs_enabled = False


@contextmanager
def sigterm_kept() -> Iterator[None]:
    """Within the context, in which Ray starts, the present handler of SIGTERM stays.

    Ray's own handlers, in Python and in C++, end this process at once. They stay if nobody else
    handles SIGTERM. In a thread other than the main one Python can set no handlers, so Ray sets
    none.
    """
    before, replaced = signal.getsignal(signal.SIGTERM), utils.set_sigterm_handler
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and not callable(before):
        yield
        return
    utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = replaced
        if in_main:
            signal.signal(signal.SIGTERM, before)


def running_cluster() -> str:
    """The address, as host:port, of the cluster that `ray.init(address="auto")` would join. Raises
    ConnectionError if there is none."""
    address = services.canonicalize_bootstrap_address("auto")
    if address is None:
        raise ConnectionError("RAY_ADDRESS names no running cluster")
    return str(address)


def accelerator_type(gpu_name: str) -> str | None:
    """Ray's name for the type of a GPU, from the driver's name for the GPU. None: Ray does not know
    the type."""
    from ray._private.accelerators.nvidia_gpu import NvidiaGPUAcceleratorManager

    found: str | None = NvidiaGPUAcceleratorManager._gpu_name_to_accelerator_type(gpu_name)
    return found


def bind_to_loopback(only: bool) -> None:
    """Set whether a Ray that starts from now on binds to 127.0.0.1 only, as Ray does on macOS."""
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = str(int(not only))  # for its other processes
    ray_constants.ENABLE_RAY_CLUSTER = not only


# Tune's controller.


class TuneInternals:
    """The operations on Tune's controller and its trials that go beyond their public interface."""

    def __init__(self, controller: Any) -> None:
        self._controller = getattr(controller, "_tune_controller", controller)
        self._errors: dict[TuneTrial, Exception] = {}
        self._process_failure = self._controller._process_trial_failure
        self._state = self._controller.__getstate__
        self._controller._process_trial_failure = self._keep_error
        self._controller.__getstate__ = self._state_for_snapshots
        manager = self._controller._actor_manager
        manager._actor_task_failed = _as_death(manager._actor_task_failed)
        manager._actor_start_failed = _as_death(manager._actor_start_failed)

    def _state_for_snapshots(self) -> dict[str, Any]:
        """What Tune saves of its controller, without the functions that this class has put into it.
        They refer back to the controller."""
        state = dict(self._state())
        for name in ("_process_trial_failure", "__getstate__"):
            state.pop(name, None)
        return state

    def keep_warm(self, placement: PlacementGroupFactory) -> None:
        """Keep one idle actor of this placement, whatever Tune plans to start."""
        self._controller._actor_cache.increase_max(placement)

    def dismiss(self, placement: PlacementGroupFactory) -> None:
        """Keep no actor of this placement any more, and kill the present ones."""
        cache, manager = self._controller._actor_cache, self._controller._actor_manager
        cache.decrease_max(placement)
        while cache.has_cached_object(placement):
            cache.pop_cached_object(placement)
        for actor, (_, resources) in list(manager._live_actors_to_ray_actors_resources.items()):
            if resources.resource_request == placement:
                manager.remove_actor(actor, kill=True)

    def park(self, trial: TuneTrial) -> None:
        """Keep a trial that failed, and that Tune has queued again, from being started."""
        self._controller._set_trial_status(trial, TuneTrial.PAUSED)
        self._controller._resetting_trials.discard(trial)  # else, if its actor died in a reset, it never starts again

    def start(self, trial: TuneTrial, placement: PlacementGroupFactory) -> None:
        """Queue a paused trial for the actor of that placement. Raises HetschedError if the trial
        is not paused."""
        if trial.status != TuneTrial.PAUSED:
            name = trial.config.get("trial", trial.trial_id)
            raise HetschedError(f"Tune has trial {name} as {trial.status} when it should start")
        trial.update_resources(placement)
        self._controller._set_trial_status(trial, TuneTrial.PENDING)

    def pause(self, trial: TuneTrial) -> None:
        """Take a trial that has just reported off its actor. The actor is free when this
        returns."""
        self._controller.pause_trial(trial, should_checkpoint=False)

    def take_back(self, trial: TuneTrial) -> None:
        """Park a trial that is queued or trains. The caller dismisses its actor, if it has one."""
        if trial in self._controller._trial_to_actor:
            self._controller.pause_trial(trial, should_checkpoint=False)
        elif trial.status == TuneTrial.PENDING:
            self._controller._set_trial_status(trial, TuneTrial.PAUSED)
        if trial in self._controller._staged_trials:
            self._controller._unstage_trial_with_resources(trial)
        self._controller._resetting_trials.discard(trial)

    def stop(self, trial: TuneTrial) -> None:
        """End a paused trial."""
        self._controller.stop_trial(trial)

    def listen(self, callback: Callback) -> None:
        """Let the callback receive what happens, as if the user had passed it to Tune."""
        callbacks = self._controller._callbacks
        callbacks._callbacks = [*callbacks._callbacks, callback]

    @property
    def reuses_actors(self) -> bool:
        """Whether an actor may go on with another trial."""
        return bool(self._controller._reuse_actors)

    def hold_open(self) -> None:
        """Let the search finish only when every trial has finished. Until then Tune keeps the
        actors of paused trials."""
        if type(self._controller.search_alg) is BasicVariantGenerator:
            generator: Any = self._controller.search_alg
            generator.__class__ = _HeldOpen
            generator.trials = self._controller.get_trials()

    def go_on(self, trial: TuneTrial) -> None:
        """Let a trial that was saved go on with training on its actor, without a pause."""
        self._controller._queued_trial_decisions[trial.trial_id] = TrialScheduler.CONTINUE

    def stop_saved(self, trial: TuneTrial) -> None:
        """End a trial that was saved, instead of pausing it."""
        self._controller._queued_trial_decisions[trial.trial_id] = TrialScheduler.STOP

    def end(self) -> None:
        """End the experiment in this step. Actors of running segments are killed."""
        self._controller.search_alg.release()
        self._controller.request_stop_experiment()
        for trial in self._controller.get_trials():
            if trial.status == TuneTrial.RUNNING and (actor := trial.temporary_state.ray_actor) is not None:
                ray.kill(actor)

    def _keep_error(self, trial: TuneTrial, exception: Exception) -> None:
        """Keep the error of a trial. Tune would have the scheduler read it from a file, which is a
        pickle."""
        self._errors[trial] = exception
        self._process_failure(trial, exception=exception)

    def last_error(self, trial: TuneTrial) -> tuple[Exception, str]:
        """The last error of the trial, and one line that describes the error."""
        error = self._errors[trial]
        if isinstance(error, RayTaskError):
            error = error.cause
        lines = str(error).splitlines() or [""]
        # Of a dead actor, Ray gives its name and address first.
        line = next((line for line in lines if " because " in line and isinstance(error, RayActorError)), lines[0])
        place = "".join(getattr(error, "__notes__", ()))  # where in a user's file it was raised
        return error, f"{type(error).__name__}{place}: {line[:MOST_LETTERS]}"


def _as_death(failed: Callable[..., None]) -> Callable[..., None]:
    """A wrapper that passes every error on as the death of an actor.

    Tune's actor manager ends the experiment on errors that it does not know. One such error is that
    of an actor which Ray killed because memory ran out.
    """

    def told(*, exception: Exception, **whose: Any) -> None:
        known = isinstance(exception, RayActorError | RayTaskError)
        error = exception if known else RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
        failed(exception=error, **whose)

    return told


class _HeldOpen(BasicVariantGenerator):
    """Tune's own generator of trials. It is finished only when all trials that it made have
    ended."""

    trials: Sequence[TuneTrial] = ()

    def is_finished(self) -> bool:
        return bool(super().is_finished()) and all(trial.is_finished() for trial in self.trials)

    def get_state(self) -> Any:
        state: Any = super().get_state()  # type: ignore[no-untyped-call]
        if state:
            state.pop("trials", None)
        return state


# Tune's PBT.


class OwnIterationsPBT(PopulationBasedTraining):
    """Ray's PBT without its checkpoints. A trial that copies weights goes on counting its own
    iterations.

    The configuration of a trial is its hyperparameters. `exploit` is what followed from the last
    result: the trial that reported, the source, and the new hyperparameters.
    """

    exploit: tuple[TuneTrial, TuneTrial, dict[str, Any]] | None = None

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


# Trainables that a training of hetsched's holds itself, without Tune.


@contextmanager
def tune_session(session: Any) -> Iterator[None]:
    """Within the context, `tune.report`, `tune.get_checkpoint` and `tune.get_context` find this
    session."""
    before = tune_sessions._session
    tune_sessions._session = session
    try:
        yield
    finally:
        tune_sessions._session = before


def with_logdir(trainable: type[Trainable], folder: str) -> type[Trainable]:
    """A subclass of the trainable whose instances have that folder as their `logdir`. Ray would
    make a folder in ~/ray_results."""

    def setup_logdir(self: Any) -> None:
        self._logdir = folder

    own = {"_setup_logdir": setup_logdir, "__module__": vars(trainable)["__module__"]}
    placed: type[Trainable] = type(trainable.__name__, (trainable,), own)
    return placed


def session_folder() -> str | None:
    """The folder for the files of the Ray cluster that this process belongs to. None: the process
    belongs to none."""
    node: Any = worker._global_node
    return str(node.get_session_dir_path()) if ray.is_initialized() else None


def restore(trainable: Trainable, folder: str, result: dict[str, Any]) -> None:
    """Let the trainable load what `save` left in the folder. `result` is the result at that time,
    with the number of iterations."""
    trainable.restore(tune_sessions._TrainingResult(Checkpoint.from_directory(folder), result))
