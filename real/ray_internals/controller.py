"""The operations on Tune's controller and its trials that go beyond their public interface."""

from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError
from ray.tune import Callback, PlacementGroupFactory
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import BasicVariantGenerator

from hetsched.errors import HetschedError

MOST_LETTERS = 300
"""The most letters of an error's first line that go into the log."""


class TuneInternals:
    """The operations on Tune's controller and its trials that go beyond their public interface."""

    def __init__(self, controller: Any) -> None:
        self._controller = getattr(controller, "_tune_controller", controller)
        self._errors: dict[TuneTrial, Exception] = {}
        self._replaced: set[str] = set()
        self._process_failure = self._replace("_process_trial_failure", self._keep_error)
        self._state = self._replace("__getstate__", self._state_for_snapshots)
        manager = self._controller._actor_manager
        manager._actor_task_failed = _as_death(manager._actor_task_failed)
        manager._actor_start_failed = _as_death(manager._actor_start_failed)

    def _replace(self, name: str, method: Callable[..., Any]) -> Any:
        """Put a method into the controller. Returns the method that the controller had."""
        before = getattr(self._controller, name)
        setattr(self._controller, name, method)
        self._replaced.add(name)
        return before

    def _state_for_snapshots(self) -> dict[str, Any]:
        """What Tune saves of its controller, without the functions that this class has put into it.
        They refer back to the controller."""
        return {name: value for name, value in self._state().items() if name not in self._replaced}

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
