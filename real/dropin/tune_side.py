"""Moves Tune's trials and actors for a run of hetsched."""

from collections.abc import Sequence
from typing import Any

from ray import tune
from ray.exceptions import ActorUnavailableError, RayActorError
from ray.tune.experiment import Trial as TuneTrial

from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.workload import TrialId
from real.cluster.matching import RayNodeId
from real.cluster.nodes import Nodes
from real.cluster.placement import WorkerPlacement
from real.cluster.ray_probe import RayProbe
from real.dropin.run import Run
from real.ray_internals.controller import TuneInternals
from real.tune.attendance import Attendance


class TuneSide:
    """Starts trials on workers. It keeps the workers' actors if the user reuses actors.

    Attendance opens and closes workers through it. See `real.tune.ports.Places`.
    """

    def __init__(self, internals: TuneInternals, trials: Sequence[TuneTrial], workers: Sequence[Worker]) -> None:
        self._tune = internals
        self._trials = {TrialId(trial.trial_id): trial for trial in trials}
        self._workers = {worker.id: worker for worker in workers}
        self._placements: dict[WorkerId, WorkerPlacement] = {}
        self._handles: dict[WorkerId, Any] = {}

    def attend(self, run: Run, nodes: dict[Any, RayNodeId]) -> None:
        """Open the workers of the present nodes, and watch the nodes from now on."""
        self._run = run
        cluster = run.setup.cluster
        self._nodes = Nodes(cluster, nodes, RayProbe(cluster))
        self._attendance = Attendance(self._workers, self._nodes, run.dispatcher, self, run.clock, self._forget)
        self._attendance.begin()

    def step(self) -> None:
        """Look which nodes are present, ask the policy, and start what it has decided."""
        run = self._run
        run.decide()
        run.ask_policy |= self._attendance.watch()
        run.decide()
        while run.stopped:
            self._tune.stop(self._trials[run.stopped.pop()])
        for start in run.to_start:
            self._tune.start(self._trials[start.trial], self._placements[start.worker])
        run.to_start.clear()
        state = run.state
        if state.ready and not state.running and not self._nodes.may_return:
            run.dispatcher.check_stalled()

    def is_fresh(self, trial: TuneTrial, worker: WorkerId) -> bool:
        """Whether the trial's actor was started for it. Ask only once, when the actor is ready."""
        handle = trial.temporary_state.ray_actor
        before, self._handles[worker] = self._handles.get(worker), handle
        return bool(before != handle)

    def failed(self, worker: WorkerId, cause: Exception) -> None:
        """Check whether the node of the worker is gone, after a segment has failed there for this
        cause."""
        if not isinstance(cause, RayActorError):
            return
        self._run.ask_policy |= self._attendance.watch(at_once=True)
        if isinstance(cause, ActorUnavailableError) and worker in self._attendance.there:
            self._nodes.doubt(self._workers[worker].node)
            self._attendance.follow()

    def _forget(self, worker: WorkerId) -> None:
        self._handles.pop(worker, None)
        self._run.forget(lambda segment: segment.worker == worker)

    # What attendance asks for.

    def open(self, worker: WorkerId, ray_node: RayNodeId) -> None:
        """Open a worker that is on this Ray node."""
        placement = self._placements[worker] = WorkerPlacement(self._workers[worker], ray_node)
        if self._tune.reuses_actors:
            self._tune.keep_warm(placement)

    def close(self, worker: WorkerId) -> None:
        """Close a worker that is gone, and kill its actor."""
        self._tune.dismiss(self._placements.pop(worker))

    def take_back(self, trial: TrialId) -> None:
        """Let a trial wait, whether it waits already, is on its way to an actor, or trains."""
        self._tune.take_back(self._trials[trial])


class Listener(tune.Callback):
    """Passes to the scheduler what Tune reports only to callbacks."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def on_trial_start(self, iteration: int, trials: list[Any], trial: TuneTrial, **info: Any) -> None:
        """Report that the actor of the trial is ready."""
        self._scheduler.on_actor_ready(trial)

    def on_trial_save(self, iteration: int, trials: list[Any], trial: TuneTrial, **info: Any) -> None:
        """Report that the trial was saved."""
        self._scheduler.on_saved(trial)

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Report that the experiment has ended."""
        self._scheduler.on_experiment_end()
