"""Ray Tune's PBT, told by a dispatcher which trial trains where and for how long.

Ray decides whom a trial exploits and how it explores; the dispatcher's policy decides all the rest. Every trial is
parked at PAUSED until the policy names a worker for it, and every worker's actor is kept from its first segment to the
end of the run. The policy stays in this process: Tune pickles the scheduler, which leaves its `Run` out.
"""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, TypeVar

import numpy as np
import ray
from ray import tune
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler
from ray.tune.search import BasicVariantGenerator

from hetsched.cluster import WorkerId
from hetsched.dispatcher import Decided, Dispatcher
from hetsched.errors import HetschedError, InputError
from hetsched.events import (
    AnyEvent,
    CheckpointLost,
    LogWriter,
    Parts,
    SegmentEnded,
    TrialCompleted,
    TrialExploited,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.resume import Report, pbt_course
from hetsched.scenario import Place
from hetsched.scheduling.policy import Dispatch
from hetsched.state import Segment, State, Trial
from hetsched.streams import stream
from hetsched.workload import PBT, Experiment, Hyperparameters, TrialId
from real.checkpoints.generations import Checkpoints, damage
from real.checkpoints.snapshot import Copy
from real.cluster.matching import RayNodeId
from real.cluster.nodes import Nodes
from real.training.training import CheckpointError
from real.tune.actor import Assignment, Plan
from real.tune.failure_counts import MAX_FAILURES, STRIKES, Blame
from real.tune.stopping import Stopping

T = TypeVar("T")

logger = logging.getLogger(__name__)

SETTLE_S = 30.0
"""How long workers may take to write their last checkpoints when the run ends."""

MOST_LETTERS = 300
"""Of an error in the log."""


class Clock:
    """Seconds of the run: `before` it starts, those that an earlier driver has had.

    It stands still between ticks, so that what one hook of Tune's records together has one time: a replay then knows
    after which events the policy was asked.
    """

    def __init__(self, before: float = 0.0) -> None:
        self._before = self._now = before
        self._zero: float | None = None

    def start(self) -> None:
        self._zero = perf_counter()

    @property
    def started(self) -> bool:
        return self._zero is not None

    def tick(self) -> float:
        """Look at the time anew."""
        if self._zero is not None:
            self._now = self._before + perf_counter() - self._zero
        return self._now

    def now(self) -> float:
        return self._now


class WorkerPlacement(tune.PlacementGroupFactory):
    """The resources of one worker, on its node.

    Tune keeps actors by their placement, so that of two workers differs even if they are alike and on one node, and so
    does that of a worker whose node has died and come back.
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
        return isinstance(other, WorkerPlacement) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[WorkerId, RayNodeId]:
        return self.worker, self.ray_node


@dataclass
class Run:
    """What the scheduler works with in this process and Tune must not pickle."""

    experiment: Experiment
    seed: int
    dispatcher: Dispatcher
    checkpoints: Checkpoints
    plans: dict[WorkerId, Plan]
    nodes: Nodes
    stopping: Stopping
    log: LogWriter
    place: Place = "storage"
    past: Sequence[AnyEvent] = ()
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

        self._errors: dict[TuneTrial, Exception] = {}
        self._process_failure = self._controller._process_trial_failure
        self._controller._process_trial_failure = self._keep_error
        manager = self._controller._actor_manager
        manager._actor_task_failed = _as_death(manager._actor_task_failed)
        manager._actor_start_failed = _as_death(manager._actor_start_failed)

    def keep_warm(self, placement: WorkerPlacement) -> None:
        """Keep one idle actor of this placement, whatever Tune plans to start."""
        self._controller._actor_cache.increase_max(placement)

    def dismiss(self, placement: WorkerPlacement) -> None:
        """Keep no actor of this placement any more, and kill what there is."""
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

    def start(self, trial: TuneTrial, placement: WorkerPlacement) -> None:
        """Queue a paused trial for the actor of that placement."""
        if trial.status != TuneTrial.PAUSED:
            raise HetschedError(f"Tune has trial {trial.config['trial']} as {trial.status} when it should start")
        trial.update_resources(placement)
        self._controller._set_trial_status(trial, TuneTrial.PENDING)

    def pause(self, trial: TuneTrial) -> None:
        """Take a trial that has just reported off its actor, which is free when this returns."""
        self._controller.pause_trial(trial, should_checkpoint=False)

    def take_back(self, trial: TuneTrial) -> None:
        """Park a trial that is queued or trains. Its actor, if it has one, is to be dismissed."""
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

    def actor(self, trial: TuneTrial) -> Any:
        return trial.temporary_state.ray_actor

    def end(self) -> None:
        """End the experiment in this step; segments that run are broken off."""
        for trial in self._controller.get_trials():
            if trial.status == TuneTrial.RUNNING and (actor := self.actor(trial)) is not None:
                ray.kill(actor)
        self._controller.search_alg.release()
        self._controller.request_stop_experiment()

    def _keep_error(self, trial: TuneTrial, exception: Exception) -> None:
        """Tune has the scheduler look for a trial's error in a file that is a pickle."""
        self._errors[trial] = exception
        self._process_failure(trial, exception=exception)

    def last_error(self, trial: TuneTrial) -> tuple[Exception, str]:
        """What the trial failed of last, and a line that says so."""
        error = self._errors[trial]
        if isinstance(error, RayTaskError):
            error = error.cause
        lines = str(error).splitlines() or [""]
        # Of a dead actor, Ray gives its name and address first.
        line = next((line for line in lines if " because " in line and isinstance(error, RayActorError)), lines[0])
        return error, f"{type(error).__name__}: {line[:MOST_LETTERS]}"


def _as_death(failed: Callable[..., None]) -> Callable[..., None]:
    """Tune's actor manager ends the experiment on errors that it does not know, such as that of an actor which Ray
    killed for want of memory. Told like this, it takes them all for deaths of actors."""

    def told(*, exception: Exception, **whose: Any) -> None:
        known = isinstance(exception, RayActorError | RayTaskError)
        error = exception if known else RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
        failed(exception=error, **whose)

    return told


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
        self._blame = Blame()
        self._placements: dict[WorkerId, WorkerPlacement] = {}
        self._actors: dict[WorkerId, Any] = {}
        self._start_up_s: dict[WorkerId, float] = {}
        self._writing: dict[WorkerId, Path] = {}
        self._ended: dict[WorkerId, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_run", "_tune")}

    # Tune's hooks.

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        if not self._tune_trials:
            self._tune = TuneInternals(tune_controller)
            for worker in self._run.plans:
                self._place(worker)
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
        self._guarded(lambda: self._start_decided(tune_controller), None)

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
        self._run.clock.tick()
        try:
            return hook()
        except Exception as error:
            self._run.error = error
            self._settle()
            self._tune.end()
            return otherwise

    # A segment, from its start to its end.

    def _start_decided(self, controller: Any) -> None:
        if not self._run.clock.started:
            self._recall(controller)
            self._run.clock.start()
        self._watch_nodes()
        self._discard()
        now, wake_at = self._run.clock.now(), self._run.dispatcher.wake_at
        if self._stops_in_order():
            pass
        elif self._ask_policy:
            self._ask_policy = False
            self._to_start += self._carry_out(self._run.dispatcher.dispatch(now))
        elif wake_at is not None and now >= wake_at:
            self._to_start += self._carry_out(self._run.dispatcher.wake(now))
        for decision in self._to_start:
            trial = self._tune_trials[decision.trial]
            trial.set_config({**trial.config, "plan": self._run.plans[decision.worker]})
            self._tune.start(trial, self._placements[decision.worker])
        self._to_start.clear()
        if not self._run.stopping.error:
            self._check_stalled()
        elif not self._run.dispatcher.state.running:
            self._settle()
            self._tune.end()

    def _carry_out(self, decided: Decided, ending: TrialId | None = None) -> list[Dispatch]:
        """Stop what the policy stops, but for the trial whose segment is just `ending`; return what it starts."""
        for trial in decided.stops:
            if trial != ending:
                self._tune.stop(self._tune_trials[trial])
        return decided.starts

    def _check_stalled(self) -> None:
        """Nothing runs and trials wait: while nodes are away, that may pass."""
        state, nodes = self._run.dispatcher.state, self._run.nodes
        if state.running or not state.ready or nodes.may_return:
            return
        if not state.workers:
            reasons = "; ".join(nodes.absences.values())
            raise HetschedError(f"no worker is left and {len(state.ready)} trials are not done: {reasons}")
        self._run.dispatcher.check_stalled()

    def _started(self, trial: TuneTrial) -> None:
        segment = self._run.dispatcher.state.running[trial.config["trial"]]
        actor = self._tune.actor(trial)
        if self._actors.get(segment.worker) != actor:
            self._actors[segment.worker] = actor
            self._start_up_s[segment.worker] = self._run.clock.now() - segment.time
        self._assign(trial, segment)

    def _assign(self, trial: TuneTrial, segment: Segment) -> None:
        ours = self._run.dispatcher.state.trials[segment.trial]
        total = ours.iterations + segment.iterations
        restore = self._run.checkpoints.latest(ours.id)
        assignment = Assignment(
            trial=ours.id,
            batch_size=ours.kind.batch_size,
            hyperparameters=dict(ours.hyperparameters),
            seed=int(stream(self._run.seed, "training", ours.id).integers(2**31)),
            iterations=segment.iterations,
            total=total,
            restore=restore,
            save=self._run.checkpoints.path(ours.id, total),
            copy=None if restore is None else self._run.checkpoints.copy(restore),
        )
        self._tune.actor(trial).assign.remote(assignment)

    def _end_segment(self, controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        run, state = self._run, self._run.dispatcher.state
        self._stops_in_order()
        now = run.clock.now()
        segment = state.running[trial.config["trial"]]
        self._check_place(segment, result)
        parts = self._parts(segment, now, result)
        self._hold_copy(trial, segment)
        ended = SegmentEnded(now, segment.trial, segment.worker, segment.iterations, result["accuracy"], parts)
        run.dispatcher.end_segment(ended, lambda ours: self._perturb(controller, trial, ours))
        node = run.plans[segment.worker].worker.node
        self._blame.succeeded(segment.trial, node, state.trials[segment.trial].iterations)
        self._discard()
        if state.finished:
            self._settle()
        decisions = self._carry_out(run.dispatcher.dispatch(now), segment.trial)
        here = (segment.trial, segment.worker)
        stays = [decision for decision in decisions if (decision.trial, decision.worker) == here]
        self._to_start += [decision for decision in decisions if decision not in stays]
        if stays:
            self._assign(trial, state.running[segment.trial])
            return TrialScheduler.CONTINUE
        if state.trials[segment.trial].completed is not None:
            return TrialScheduler.STOP
        self._tune.pause(trial)
        return TrialScheduler.NOOP

    def _hold_copy(self, trial: TuneTrial, segment: Segment) -> None:
        """Ask the actor for the state that the segment ended in, which puts it into the object store of its node. If
        its file is written behind, the log says that the segment has ended only when that is complete."""
        run = self._run
        if run.place == "storage":
            return
        total = run.dispatcher.state.trials[segment.trial].iterations + segment.iterations
        path = run.checkpoints.path(segment.trial, total)
        actor = self._tune.actor(trial)
        snapshot = actor.snapshot.remote()
        actor.handed_over.remote()
        run.checkpoints.hold(path, Copy(snapshot, self._placements[segment.worker].ray_node))
        if run.place == "both":
            self._writing[segment.worker] = path  # the file before it is complete: a worker writes one at a time
            run.log.hold(lambda: self._is_written(segment.worker, path))

    def _is_written(self, worker: WorkerId, path: Path) -> bool:
        """Whether the worker's file is there, or not to be expected any more."""
        if self._writing.get(worker) == path and path.exists():
            del self._writing[worker]
        return self._writing.get(worker) != path

    def _discard(self) -> None:
        """Delete files that the log on the disk needs no more."""
        self._run.log.commit()
        if not self._run.log.holds:
            self._run.checkpoints.discard()

    def _settle(self) -> None:
        """The run ends, and its actors with it: what is still wanted goes to storage before. A full disk stops the run,
        whatever else goes wrong is a warning: what is lost with the actors will be missed when it is needed."""
        run = self._run
        if run.place == "storage":
            return
        busy = {segment.worker for segment in run.dispatcher.state.running.values()}
        idle = {worker: actor for worker, actor in self._actors.items() if worker not in busy}
        written = self._write_what_is_missing(idle or self._actors) if run.place == "object-store" else []
        written += [(worker, actor.flush.remote()) for worker, actor in idle.items()]
        for worker, answer in written:
            try:
                ray.get(answer, timeout=SETTLE_S)
            except RayError as error:
                path = self._writing.pop(worker, None)
                cause = error.cause if isinstance(error, RayTaskError) else error
                if not run.stopping.is_for(cause) and path is not None:
                    logger.warning("worker %s did not write checkpoint %s: %s", worker, path, cause)
        until = perf_counter() + SETTLE_S
        while run.log.holds and perf_counter() < until:  # files of workers that train meanwhile
            sleep(0.02)

    def _write_what_is_missing(self, actors: dict[WorkerId, Any]) -> list[tuple[WorkerId, Any]]:
        """Have these actors write what is in memory only: at the end of the run the weights that score best, else
        every trial's. Returns who will answer."""
        run = self._run
        wanted = run.checkpoints.missing()
        if run.dispatcher.state.finished:
            best = best_trial(run.dispatcher.state).id
            wanted = {trial: path for trial, path in wanted.items() if trial == best}
        answers = []
        for path, (worker, actor) in zip(wanted.values(), cycle(actors.items()), strict=False):
            if (copy := run.checkpoints.copy(path)) is not None:
                answers.append((worker, actor.write.remote(copy, path)))
        return answers

    def _check_place(self, segment: Segment, result: dict[str, Any]) -> None:
        place = self._placements[segment.worker]
        if (result["worker"], result["ray_node"]) != (place.worker, place.ray_node):
            raise HetschedError(
                f"trial {segment.trial!r} was sent to worker {segment.worker!r} and trained on {result['worker']!r}, "
                f"Ray node {result['ray_node']}: Ray {ray.__version__} does not place trials as this adapter expects"
            )

    def _parts(self, segment: Segment, now: float, result: dict[str, Any]) -> Parts:
        """Where the seconds of a segment went; what neither start-up nor the actor accounts for is dispatch.

        A segment that was decided on when the one before on its worker ended waits until that one's state is handed
        over, which is part of saving.
        """
        worker = segment.worker
        keys = ("restore_s", "train_s", "evaluate_s", "checkpoint_s")
        known = {"start_up_s": self._start_up_s.pop(worker, 0.0)} | {key: result[key] for key in keys}
        if segment.time == self._ended.get(worker):
            known["checkpoint_s"] += result["hand_over_s"]
        self._ended[worker] = now
        return Parts(**known, dispatch_s=max(0.0, now - segment.time - sum(known.values())))

    # What goes wrong, and with whom.

    def _lose_segment(self, trial: TuneTrial) -> None:
        run, identifier = self._run, trial.config["trial"]
        cause, reason = self._tune.last_error(trial)
        self._ask_policy = True
        segment = run.dispatcher.state.running.get(identifier)
        if segment is None:
            return
        run.dispatcher.lose_segment(run.clock.now(), identifier, reason)
        self._writing.pop(segment.worker, None)
        if run.stopping.is_for(cause):
            return
        if isinstance(cause, InputError):
            raise cause  # to try again would not help
        file = run.checkpoints.latest(identifier)
        node = run.plans[segment.worker].worker.node
        if isinstance(cause, CheckpointError) and file is not None and (what := damage(file)) is not None:
            self._fall_back(identifier, f"checkpoint {file}: {what}")
            self._blame.lost_checkpoint(identifier)
        elif isinstance(cause, RayActorError) and self._out_of_reach(segment.worker, cause):
            return
        else:
            self._blame.failed(identifier, node)
        if (failures := self._blame.failures(identifier)) > MAX_FAILURES:
            raise HetschedError(f"trial {identifier!r} failed {failures} times, at last with: {reason}")
        if self._blame.strikes(node) >= STRIKES:
            self._blame.forgive(node)
            run.nodes.set_aside(node, f"{STRIKES} segments in a row failed there, the last of {identifier}: {reason}")
            self._follow_nodes()

    def _fall_back(self, trial: TrialId, reason: str) -> None:
        """The trial's latest state is lost: it goes on from the one before. PBT forgets its score, as in simulation."""
        before = self._run.checkpoints.before(trial)
        iterations, score = (0, None) if before is None else (before.iterations, before.score)
        logger.warning("%s; trial %s goes on from what it had after %d iterations", reason, trial, iterations)
        self._run.dispatcher.record(CheckpointLost(self._run.clock.now(), trial, iterations, score, reason))
        self._run.dispatcher.commit()
        self._discard()
        self._forget_score(trial)

    def _out_of_reach(self, worker: WorkerId, cause: RayActorError) -> bool:
        """Whether the worker's actor is lost with its node, rather than for a reason of its own.

        Of an actor that dies on a node that lives, the node tells. Where nobody tells, the node is in doubt: Ray may
        take a minute to miss it, and until then would try to start actors there.
        """
        self._watch_nodes(at_once=True)
        if worker not in self._placements:
            return True
        if not isinstance(cause, ActorUnavailableError):
            return False
        self._run.nodes.doubt(self._run.plans[worker].worker.node)
        self._follow_nodes()
        return True

    def _stops_in_order(self) -> bool:
        """Whether the run is to stop: then no worker takes anything new."""
        run = self._run
        if run.stopping.error is None:
            return False
        now = run.clock.now()
        for worker in list(run.dispatcher.state.serving):
            run.dispatcher.record(WorkerDraining(now, worker, now, run.stopping.reason))
        run.dispatcher.commit()
        return True

    # Nodes that go and come.

    def _watch_nodes(self, at_once: bool = False) -> None:
        if self._run.nodes.look(at_once):
            self._follow_nodes()

    def _follow_nodes(self) -> None:
        """Workers of nodes that are not there any more leave, those of nodes that are there now join."""
        run = self._run
        for worker, placement in list(self._placements.items()):
            node = run.plans[worker].worker.node
            if run.nodes.there.get(node) != placement.ray_node:
                self._leave(worker, run.nodes.absences[node])
        for worker, plan in run.plans.items():
            if worker not in self._placements and self._place(worker):
                run.dispatcher.record(WorkerJoined(run.clock.now(), plan.worker))
        run.dispatcher.commit()
        self._ask_policy = True

    def _place(self, worker: WorkerId) -> bool:
        """Give the worker its place, if its node is there."""
        plan = self._run.plans[worker]
        ray_node = self._run.nodes.there.get(plan.worker.node)
        if ray_node is None:
            return False
        placement = self._placements[worker] = WorkerPlacement(plan, ray_node)
        self._tune.keep_warm(placement)
        return True

    def _leave(self, worker: WorkerId, reason: str) -> None:
        """The worker is gone, with the segment that it ran or was to run."""
        dispatcher, now = self._run.dispatcher, self._run.clock.now()
        placement = self._placements.pop(worker)
        for segment in [segment for segment in dispatcher.state.running.values() if segment.worker == worker]:
            self._tune.take_back(self._tune_trials[segment.trial])
            dispatcher.lose_segment(now, segment.trial, reason)
        self._to_start = [decision for decision in self._to_start if decision.worker != worker]
        self._tune.dismiss(placement)
        self._writing.pop(worker, None)
        self._actors.pop(worker, None)
        self._start_up_s.pop(worker, None)
        dispatcher.record(WorkerLeft(now, worker, reason))

    # Population-Based Training: Ray's rules, our weights.

    def _perturb(self, controller: Any, trial: TuneTrial, ours: Trial) -> tuple[TrialId, Hyperparameters] | None:
        self._exploit_made = None
        if self._run.experiment.pbt is None:
            return None
        with self._luck.drawn():
            super().on_trial_result(controller, trial, {"iterations": ours.iterations, "accuracy": ours.score})
        return self._exploit_made

    def _forget_score(self, trial: TrialId) -> None:
        of_pbt = self._trial_state[self._tune_trials[trial]]
        of_pbt.last_score, of_pbt.last_perturbation_time, of_pbt.last_train_time = None, 0, 0

    def _recall(self, controller: Any) -> None:
        """Tell PBT what it was told before this process went on with the run: it then ranks, and draws, as it did."""
        dispatcher = self._run.dispatcher
        for heard in pbt_course(self._run.past):
            if isinstance(heard, TrialCompleted):
                self._tune.stop(self._tune_trials[heard.trial])
            elif isinstance(heard, CheckpointLost):
                self._forget_score(heard.trial)
            else:
                self._report_again(controller, heard)
        for trial in dispatcher.state.trials.values():
            tuned = self._tune_trials[trial.id]
            tuned.set_config({**tuned.config, **trial.hyperparameters})
            if trial.completed is not None:
                self._tune.stop(tuned)
        dispatcher.commit()
        self._miss_lost_checkpoints()

    def _miss_lost_checkpoints(self) -> None:
        """States that were in memory only are gone with the process that went on with the run before."""
        state = self._run.dispatcher.state
        unfinished = [trial.id for trial in state.ready]
        while lost := [trial for trial in self._run.checkpoints.missing() if trial in unfinished]:
            for trial in lost:
                path = self._run.checkpoints.latest(trial)
                self._fall_back(trial, f"checkpoint {path}: it was in memory only")

    def _report_again(self, controller: Any, report: Report) -> None:
        trial, before = report.trial, report.exploit
        tuned = self._tune_trials[trial.id]
        exploit = self._perturb(controller, tuned, trial)
        if before is not None:
            tuned.set_config({**tuned.config, **before.hyperparameters})
        if exploit == (None if before is None else (before.source, before.hyperparameters)):
            return
        if report.last and exploit is not None:
            self._run.dispatcher.record(TrialExploited(self._run.clock.now(), trial.id, *exploit))
            return
        logger.warning(
            "after %d iterations of %s, PBT decides otherwise than the log says; what the log says holds",
            trial.iterations,
            trial.id,
        )

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
        self._exploit_made = trial_to_clone.config["trial"], hyperparameters


class AssignOnStart(tune.Callback):
    """Tells the scheduler when an actor is ready, which Tune tells callbacks only."""

    def __init__(self, scheduler: DispatchingPBT) -> None:
        self._scheduler = scheduler

    def on_trial_start(self, iteration: int, trials: list[Any], trial: TuneTrial, **info: Any) -> None:
        self._scheduler.on_started(trial)


def best_trial(state: State) -> Trial:
    """The trial that scores best now, whose weights outlive the run."""
    return max(state.trials.values(), key=lambda trial: trial.score or 0.0)


def _mutations(experiment: Experiment) -> dict[str, Any]:
    """The search space in Ray's terms."""
    domains = {"linear": tune.uniform, "log": tune.loguniform}
    return {key: domains[span.scale](span.low, span.high) for key, span in experiment.search_space.items()}
