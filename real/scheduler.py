"""Ray Tune's PBT, told by a dispatcher which trial trains where and for how long.

Ray decides whom a trial exploits and how it explores; the dispatcher's policy decides all the rest. Every trial is
parked at PAUSED until the policy names a worker for it, and every worker's actor is kept from its first segment to the
end of the run. The policy stays in this process: Tune pickles the scheduler, which leaves its `Run` out.
"""

import pickle
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import ray
from ray import tune
from ray.exceptions import RayTaskError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler
from ray.tune.search import BasicVariantGenerator

from hetsched.cluster import WorkerId
from hetsched.dispatcher import Decided, Dispatcher
from hetsched.errors import HetschedError, InputError
from hetsched.events import Parts, SegmentEnded
from hetsched.scheduling.policy import Dispatch
from hetsched.state import Segment, Status, Trial
from hetsched.streams import stream
from hetsched.workload import PBT, Experiment, Hyperparameters, TrialId
from real.checkpoints import Checkpoints
from real.testbed import RayNodeId
from real.trainable import Assignment, Plan

T = TypeVar("T")

MAX_FAILURES = 3
"""How often a trial may fail and be taken up again."""


class Clock:
    """Seconds since `start`; 0 before."""

    def __init__(self) -> None:
        self._zero: float | None = None

    def start(self) -> None:
        self._zero = perf_counter()

    @property
    def started(self) -> bool:
        return self._zero is not None

    def now(self) -> float:
        return 0.0 if self._zero is None else perf_counter() - self._zero


class WorkerPlacement(tune.PlacementGroupFactory):
    """The resources of one worker, on its node.

    Tune keeps actors by their placement, so that of two workers differs even if they are alike and on one node.
    """

    def __init__(self, plan: Plan, ray_node: RayNodeId) -> None:
        worker = plan.worker
        self.worker = worker.id
        self.ray_node = ray_node
        super().__init__(
            [{"CPU": worker.cores, "GPU": worker.gpu_share}],
            bundle_label_selector=[{"ray.io/node-id": ray_node}],
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkerPlacement) and self.worker == other.worker

    def __hash__(self) -> int:
        return hash(self.worker)


@dataclass
class Run:
    """What the scheduler works with in this process and Tune must not pickle."""

    experiment: Experiment
    seed: int
    dispatcher: Dispatcher
    checkpoints: Checkpoints
    plans: dict[WorkerId, Plan]
    placements: dict[WorkerId, WorkerPlacement]
    clock: Clock = field(default_factory=Clock)
    error: Exception | None = None


class Population(BasicVariantGenerator):
    """Generates one Tune trial for each of ours, and counts as finished when every one of them is.

    While it is not, Tune keeps the actor of a paused trial for the next one.
    """

    def is_finished(self) -> bool:
        return super().is_finished() and not self._live_trials

    def release(self) -> None:
        """Wait for no trial any more."""
        self._live_trials.clear()


class Luck:
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
        others = random.getstate(), np.random.get_state()
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        try:
            yield
        finally:
            self._python, self._numpy = random.getstate(), np.random.get_state()
            random.setstate(others[0])
            np.random.set_state(others[1])


class TuneInternals:
    """Everything that is used of the controller and the trials of Tune 2.60 beyond their public interface."""

    def __init__(self, controller: Any) -> None:
        self._controller = getattr(controller, "_tune_controller", controller)

    def keep_warm(self, placement: WorkerPlacement) -> None:
        """Keep one idle actor of this placement, whatever Tune plans to start."""
        self._controller._actor_cache.increase_max(placement)

    def park(self, trial: TuneTrial) -> None:
        """Keep a trial that failed, and that Tune has queued again, from being started."""
        self._controller._set_trial_status(trial, TuneTrial.PAUSED)
        self._controller._resetting_trials.discard(trial)  # else, if its actor died in a reset, it never starts again

    def start(self, trial: TuneTrial, placement: WorkerPlacement) -> None:
        """Queue a paused trial for the actor of that placement."""
        if trial.status != TuneTrial.PAUSED:
            raise HetschedError(f"Tune has trial {trial.config['trial']} as {trial.status} when it should start")
        trial.update_resources(placement)
        self._controller._set_trial_status(trial, TuneTrial.PENDING)

    def pause(self, trial: TuneTrial) -> None:
        """Take a trial that has just reported off its actor, which is free when this returns."""
        self._controller.pause_trial(trial, should_checkpoint=False)

    def stop(self, trial: TuneTrial) -> None:
        """End a paused trial."""
        self._controller.stop_trial(trial)

    def actor(self, trial: TuneTrial) -> Any:
        return trial.temporary_state.ray_actor

    def end(self) -> None:
        """End the experiment in this step; segments that run are broken off."""
        for trial in self._controller.get_trials():
            if trial.status == TuneTrial.RUNNING and (actor := self.actor(trial)) is not None:
                ray.kill(actor)
        self._controller.search_alg.release()
        self._controller.request_stop_experiment()

    def last_error(self, trial: TuneTrial) -> tuple[Exception, str]:
        """What the trial failed of last, and a line that says so."""
        error: Exception = pickle.loads(Path(trial.pickled_error_file).read_bytes())
        if isinstance(error, RayTaskError):
            error = error.cause
        return error, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


class DispatchingPBT(PopulationBasedTraining):
    """See the module. What breaks the run is kept in `run.error`: out of a hook, Tune would make a text of it."""

    def __init__(self, run: Run) -> None:
        pbt = run.experiment.pbt or PBT()  # without PBT it is never asked
        super().__init__(
            time_attr="iterations",
            metric="accuracy",
            mode="max",
            perturbation_interval=pbt.perturbation_interval,
            hyperparam_mutations=_mutations(run.experiment),
            quantile_fraction=pbt.quantile_fraction,
            resample_probability=pbt.resample_probability,
            perturbation_factors=pbt.perturbation_factors,
            log_config=False,
        )
        self._run = run
        self._initial = run.experiment.initial_hyperparameters(run.seed)
        self._luck = Luck(run.seed)
        self._exploit_made: tuple[TrialId, Hyperparameters] | None = None
        self._tune_trials: dict[TrialId, TuneTrial] = {}
        self._to_start: list[Dispatch] = []
        self._ask_policy = True
        self._failures: Counter[TrialId] = Counter()
        self._actors: dict[WorkerId, Any] = {}
        self._start_up_s: dict[WorkerId, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_run", "_tune")}

    # Tune's hooks.

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        if not self._tune_trials:
            self._tune = TuneInternals(tune_controller)
            for placement in self._run.placements.values():
                self._tune.keep_warm(placement)
        if trial in self._trial_state:  # it failed, and Tune has queued it again
            self._tune.park(trial)
            return
        identifier: TrialId = trial.config["trial"]
        trial.set_config({**trial.config, **self._initial[identifier]})
        super().on_trial_add(tune_controller, trial)
        trial.init_local_path()
        trial.set_status(TuneTrial.PAUSED)  # before Tune files it, so that it does not start by itself
        self._tune_trials[identifier] = trial

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Tune asks in every step. All that was decided is queued at once, and nothing is chosen beyond that."""
        self._guarded(self._start_decided, None)

    def on_started(self, trial: TuneTrial) -> None:
        """The actor of a queued trial is ready; it is told to train right after this."""
        self._guarded(lambda: self._started(trial), None)

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        return self._guarded(lambda: self._end_segment(tune_controller, trial, result), TrialScheduler.NOOP)

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        self._guarded(lambda: self._lose_segment(trial), None)

    def _guarded(self, hook: Callable[[], T], otherwise: T) -> T:
        """Whatever goes wrong in a hook ends the run, and nothing is done after that."""
        if self._run.error is not None:
            return otherwise
        try:
            return hook()
        except Exception as error:
            self._run.error = error
            self._tune.end()
            return otherwise

    # A segment, from its start to its end.

    def _start_decided(self) -> None:
        if not self._run.clock.started:
            self._run.clock.start()
        now, wake_at = self._run.clock.now(), self._run.dispatcher.wake_at
        if self._ask_policy:
            self._ask_policy = False
            self._to_start += self._carry_out(self._run.dispatcher.dispatch(now))
        elif wake_at is not None and now >= wake_at:
            self._to_start += self._carry_out(self._run.dispatcher.wake(now))
        for decision in self._to_start:
            trial = self._tune_trials[decision.trial]
            trial.set_config({**trial.config, "plan": self._run.plans[decision.worker]})
            self._tune.start(trial, self._run.placements[decision.worker])
        self._to_start.clear()

    def _carry_out(self, decided: Decided, ending: TrialId | None = None) -> list[Dispatch]:
        """Stop what the policy stops, but for the trial whose segment is just `ending`; return what it starts."""
        for trial in decided.stops:
            if trial != ending:
                self._tune.stop(self._tune_trials[trial])
        self._run.dispatcher.check_stalled()
        return decided.starts

    def _started(self, trial: TuneTrial) -> None:
        segment = self._run.dispatcher.state.running[trial.config["trial"]]
        actor = self._tune.actor(trial)
        if self._actors.get(segment.worker) != actor:
            self._actors[segment.worker] = actor
            self._start_up_s[segment.worker] = self._run.clock.now() - segment.started
        self._assign(trial, segment)

    def _assign(self, trial: TuneTrial, segment: Segment) -> None:
        ours = self._run.dispatcher.state.trials[segment.trial]
        assignment = Assignment(
            trial=ours.id,
            batch_size=ours.kind.batch_size,
            hyperparameters=dict(ours.hyperparameters),
            seed=int(stream(self._run.seed, "training", ours.id).integers(2**31)),
            iterations=segment.iterations,
            restore=self._run.checkpoints.latest(ours.id),
            save=self._run.checkpoints.path(ours.id, ours.iterations + segment.iterations),
        )
        self._tune.actor(trial).assign.remote(assignment)

    def _end_segment(self, controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        run, state = self._run, self._run.dispatcher.state
        now = run.clock.now()
        segment = state.running[trial.config["trial"]]
        self._check_place(segment, result)
        iterations = state.trials[segment.trial].iterations + segment.iterations
        run.checkpoints.refer(segment.trial, run.checkpoints.path(segment.trial, iterations))
        parts = self._parts(now - segment.started, segment.worker, result)
        ended = SegmentEnded(now, segment.trial, segment.worker, segment.iterations, result["accuracy"], parts)
        run.dispatcher.end_segment(ended, lambda ours: self._perturb(controller, trial, ours))
        decisions = self._carry_out(run.dispatcher.dispatch(now), segment.trial)
        here = (segment.trial, segment.worker)
        stays = [decision for decision in decisions if (decision.trial, decision.worker) == here]
        self._to_start += [decision for decision in decisions if decision not in stays]
        if stays:
            self._assign(trial, state.running[segment.trial])
            return TrialScheduler.CONTINUE
        if state.trials[segment.trial].status is Status.COMPLETED:
            return TrialScheduler.STOP
        self._tune.pause(trial)
        return TrialScheduler.NOOP

    def _check_place(self, segment: Segment, result: dict[str, Any]) -> None:
        place = self._run.placements[segment.worker]
        if (result["worker"], result["ray_node"]) != (place.worker, place.ray_node):
            raise HetschedError(
                f"trial {segment.trial!r} was sent to worker {segment.worker!r} and trained on {result['worker']!r}, "
                f"Ray node {result['ray_node']}: Ray {ray.__version__} does not place trials as this adapter expects"
            )

    def _parts(self, seconds: float, worker: WorkerId, result: dict[str, Any]) -> Parts:
        """Where the seconds of a segment went; what neither start-up nor the actor accounts for is dispatch."""
        keys = ("restore_s", "train_s", "evaluate_s", "checkpoint_s")
        known = {"start_up_s": self._start_up_s.pop(worker, 0.0)} | {key: result[key] for key in keys}
        return Parts(**known, dispatch_s=max(0.0, seconds - sum(known.values())))

    def _lose_segment(self, trial: TuneTrial) -> None:
        identifier: TrialId = trial.config["trial"]
        cause, reason = self._tune.last_error(trial)
        if identifier in self._run.dispatcher.state.running:
            self._run.dispatcher.lose_segment(self._run.clock.now(), identifier, reason)
        self._failures[identifier] += 1
        if isinstance(cause, InputError):
            raise cause  # to try again would not help
        if self._failures[identifier] > MAX_FAILURES:
            raise HetschedError(f"trial {identifier!r} failed {MAX_FAILURES + 1} times, at last with: {reason}")
        self._ask_policy = True

    # Population-Based Training: Ray's rules, our weights.

    def _perturb(self, controller: Any, trial: TuneTrial, ours: Trial) -> tuple[TrialId, Hyperparameters] | None:
        self._exploit_made = None
        if self._run.experiment.pbt is None:
            return None
        with self._luck.drawn():
            super().on_trial_result(controller, trial, {"iterations": ours.iterations, "accuracy": ours.score})
        return self._exploit_made

    def _checkpoint_or_exploit(
        self, trial: TuneTrial, tune_controller: Any, upper_quantile: list[Any], lower_quantile: list[Any]
    ) -> None:
        """As in Ray, less its checkpoints: every finished segment has left one, so no source is passed over."""
        if trial in lower_quantile:
            self._exploit(tune_controller, trial, random.choice(upper_quantile))

    def _exploit(self, tune_controller: Any, trial: TuneTrial, trial_to_clone: TuneTrial) -> None:
        """As in Ray, less the source's own keys and times: a trial counts its own iterations only."""
        config, _ = self._get_new_config(trial, trial_to_clone)
        hyperparameters = {key: config[key] for key in self._hyperparam_mutations}
        trial.set_config({**trial.config, **hyperparameters})
        source: TrialId = trial_to_clone.config["trial"]
        weights = self._run.checkpoints.latest(source)
        assert weights is not None, "a ranked trial has finished a segment"
        self._run.checkpoints.refer(trial.config["trial"], weights)
        self._exploit_made = source, hyperparameters


class AssignOnStart(tune.Callback):
    """Tells the scheduler when an actor is ready, which Tune tells callbacks only."""

    def __init__(self, scheduler: DispatchingPBT) -> None:
        self._scheduler = scheduler

    def on_trial_start(self, iteration: int, trials: list[Any], trial: TuneTrial, **info: Any) -> None:
        self._scheduler.on_started(trial)


def _mutations(experiment: Experiment) -> dict[str, Any]:
    """The search space in Ray's terms."""
    domains = {"linear": tune.uniform, "log": tune.loguniform}
    return {key: domains[span.scale](span.low, span.high) for key, span in experiment.search_space.items()}
