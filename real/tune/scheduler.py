"""The scheduler that Tune calls. It reports to the driver what has happened, and to Tune what the
driver wants.

Every trial is PAUSED until the driver starts it on a worker. Every worker keeps its actor from its
first segment to the end of the run. The driver stays in this process: Tune pickles the scheduler,
and the pickle leaves the driver out.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from ray import tune
from ray.exceptions import ActorUnavailableError, RayActorError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import BasicVariantGenerator

from hetsched.domain.workload import TrialId
from real.training.trainer import CheckpointError
from real.tune.driver import Driver
from real.tune.messages import Failure, Next, SegmentResult, What
from real.tune.tune_actors import TuneActors

METRICS = "metrics/"
"""Tune's prefix for the names in the table of metrics."""


class DispatchingScheduler(FIFOScheduler):
    """Passes the hooks of Tune on to the driver."""

    def __init__(self, driver: Driver, actors: TuneActors) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._driver = driver
        self._actors = actors
        self._known: set[TuneTrial] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Tune has a new trial, or has queued a failed trial again."""
        self._driver.guarded(lambda: self._take_in(tune_controller, trial), None)

    def _take_in(self, tune_controller: Any, trial: TuneTrial) -> None:
        if not self._known:
            self._actors.attach(tune_controller)
            self._driver.begin()
        if trial in self._known:
            self._actors.park(trial)
            return
        self._known.add(trial)
        self._actors.add(_ours(trial), trial)
        trial.init_local_path()
        trial.set_status(TuneTrial.PAUSED)  # before Tune files it, so that it does not start by itself

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Tune calls this in every step. All decided segments are queued at once, and nothing else
        is chosen."""
        self._driver.step()

    def on_started(self, trial: TuneTrial) -> None:
        """The actor of a queued trial is ready. The order to train follows right after this."""
        fresh = self._driver.guarded(lambda: self._actors.is_fresh(_ours(trial)), None)
        if fresh is not None:
            self._driver.started(_ours(trial), fresh=fresh)

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        """The actor of the trial has finished a segment."""
        decoded = self._driver.guarded(lambda: _decoded(result), None)
        after = Next.IGNORED if decoded is None else self._driver.ended(_ours(trial), decoded)
        if after is Next.WAITS:
            self._driver.guarded(lambda: self._actors.pause(_ours(trial)), None)
        decisions = {Next.GOES_ON: TrialScheduler.CONTINUE, Next.COMPLETED: TrialScheduler.STOP}
        return decisions.get(after, TrialScheduler.NOOP)

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """The trial failed: its training or its actor did. Tune queues it again right after
        this."""
        failure = self._driver.guarded(lambda: _failure(*self._actors.last_error(trial)), None)
        if failure is not None:
            self._driver.failed(_ours(trial), failure)


def _ours(trial: TuneTrial) -> TrialId:
    return TrialId(trial.config["trial"])


def _decoded(result: Mapping[str, Any]) -> SegmentResult:
    """The actor's report. Tune has flattened its tables: `metrics/loss` is the metric `loss`."""
    metrics = {key.removeprefix(METRICS): value for key, value in result.items() if key.startswith(METRICS)}
    return msgspec.convert({**result, "metrics": metrics}, SegmentResult)


def _failure(cause: Exception, reason: str) -> Failure:
    what = What.TRAINING
    if isinstance(cause, CheckpointError):
        what = What.CHECKPOINT
    elif isinstance(cause, ActorUnavailableError):
        what = What.CONNECTION
    elif isinstance(cause, RayActorError):
        what = What.ACTOR
    return Failure(what, cause, reason)


class OnTrialStart(tune.Callback):
    """Calls the scheduler when an actor is ready, because Tune calls only callbacks then."""

    def __init__(self, scheduler: DispatchingScheduler) -> None:
        self._scheduler = scheduler

    def on_trial_start(self, iteration: int, trials: list[Any], trial: TuneTrial, **info: Any) -> None:
        """The actor of the trial is ready."""
        self._scheduler.on_started(trial)


class SilentTrial(TuneTrial):
    """A Tune trial that asks its actor nothing. Whenever the actor changes, Tune's own asks for what
    a trial without a result shows."""

    def set_ray_actor(self, ray_actor: Any) -> None:
        """The trial is with this actor."""
        self.temporary_state.ray_actor = ray_actor


class Population(BasicVariantGenerator):
    """Generates one Tune trial per trial of the population. It is finished when all these trials
    are.

    Until then Tune keeps the actor of a paused trial for the next trial.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waited_for: set[str] = set()

    def next_trial(self) -> TuneTrial | None:
        """The next trial for Tune. None: Tune has all trials."""
        trial: TuneTrial | None = super().next_trial()  # type: ignore[no-untyped-call]
        if trial is not None:
            trial.__class__ = SilentTrial
            self._waited_for.add(trial.trial_id)
        return trial

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The trial has ended."""
        super().on_trial_complete(trial_id, result, error)
        self._waited_for.discard(trial_id)

    def is_finished(self) -> bool:
        """Whether there is nothing left to generate or to wait for."""
        return bool(super().is_finished()) and not self._waited_for

    def release(self) -> None:
        """Wait for no more trials."""
        self._waited_for.clear()
