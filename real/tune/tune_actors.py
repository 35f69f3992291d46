"""Moves Tune's trials and Ray's actors as the driver orders."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from msgspec.structs import replace
from ray.exceptions import RayError, RayTaskError
from ray.tune.experiment import Trial as TuneTrial
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId
from real.checkpoints.snapshot import Copy
from real.cluster.host_cores import HostCores
from real.cluster.matching import RayNodeId
from real.cluster.placement import WorkerPlacement
from real.ray_internals.orders import OrderInternals
from real.tune.actor import Plan, write_apart
from real.tune.messages import Assignment


class TuneActors:
    """See `real.tune.ports.Actors`. Tune has one trial per trial of the population; `add` pairs
    them.

    `machine_of` names the machine of a Ray node (see `real.cluster.machines`).
    """

    def __init__(self, plans: Mapping[WorkerId, Plan], machine_of: Callable[[RayNodeId], str]) -> None:
        self._plans = dict(plans)
        self._machine_of = machine_of
        self._cores = HostCores()
        # Tune sends a plan with every trial. To pickle one takes 2 ms: pickle looks for msgspec's UNSET in all modules.
        self._pickled: dict[WorkerId, bytes] = {}
        self._trials: dict[TrialId, TuneTrial] = {}
        self._placements: dict[WorkerId, WorkerPlacement] = {}
        self._worker_of: dict[TrialId, WorkerId] = {}
        self._handles: dict[WorkerId, Any] = {}

    def attach(self, controller: Any) -> None:
        """Tune has made its controller, of which a run has one."""
        self._tune = OrderInternals(controller)

    def add(self, identifier: TrialId, trial: TuneTrial) -> None:
        """This Tune trial belongs to that trial of the population."""
        self._trials[identifier] = trial

    def park(self, trial: TuneTrial) -> None:
        """Tune has queued a failed trial again. It waits until the driver starts it."""
        self._tune.park(trial)

    def last_error(self, trial: TuneTrial) -> tuple[Exception, str]:
        """The trial's last error, and a line that says so."""
        return self._tune.last_error(trial)

    def is_fresh(self, trial: TrialId) -> bool:
        """Whether the trial's actor was started for this trial. Call it once, when the actor is
        ready."""
        worker, handle = self._worker_of[trial], self._handle(trial)
        before, self._handles[worker] = self._handles.get(worker), handle
        return bool(before != handle)

    def open(self, worker: WorkerId, ray_node: RayNodeId) -> None:
        """See the protocol, also for all methods below."""
        plan = self._plans[worker]
        cores = self._cores.take(worker, self._machine_of(ray_node), max(plan.worker.cores, 1))
        self._plans[worker] = plan = replace(plan, cores=cores)
        self._pickled[worker] = pickle.dumps(plan)
        placement = self._placements[worker] = WorkerPlacement(plan.worker, ray_node)
        self._tune.keep_warm(placement)

    def close(self, worker: WorkerId) -> None:
        self._tune.dismiss(self._placements.pop(worker))
        self._handles.pop(worker, None)
        self._cores.release(worker)

    def start(self, trial: TrialId, worker: WorkerId) -> None:
        tuned = self._trials[trial]
        self._worker_of[trial] = worker
        tuned.set_config({**tuned.config, "plan": self._pickled[worker]})
        self._tune.start(tuned, self._placements[worker])

    def assign(self, assignment: Assignment) -> None:
        self._tune.order(self._trials[assignment.trial], assignment)

    def pause(self, trial: TrialId) -> None:
        self._tune.pause(self._trials[trial])

    def take_back(self, trial: TrialId) -> None:
        self._tune.take_back(self._trials[trial])

    def stop(self, trial: TrialId) -> None:
        self._tune.stop(self._trials[trial])

    def snapshot(self, trial: TrialId) -> Any:
        actor = self._handle(trial)
        reference = actor.snapshot.remote()
        actor.handed_over.options(num_returns=0).remote()  # nobody waits for an answer
        return reference

    def write(self, worker: WorkerId, copy: Copy, path: Path) -> Any:
        return self._handles[worker].write.remote(copy, path)

    def write_without_actor(self, worker: WorkerId, copy: Copy, path: Path) -> Any:
        there_only = NodeAffinitySchedulingStrategy(self._placements[worker].ray_node, soft=False)
        task: Any = ray.remote(write_apart)
        options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": there_only}
        return task.options(**options).remote(self._plans[worker], copy.reference, path)

    def flush(self, worker: WorkerId) -> Any:
        return self._handles[worker].flush.remote()

    def outcomes(self, answers: Sequence[Any], timeout_s: float) -> list[Exception | None]:
        ray.wait(list(answers), num_returns=len(answers), timeout=timeout_s, fetch_local=False) if answers else None
        return [_outcome(answer) for answer in answers]

    def end(self) -> None:
        self._tune.end()

    def kill(self, worker: WorkerId) -> bool:
        """Kill the process of the worker, from any thread. Return whether it had one."""
        handle = self._handles.get(worker)
        if handle is not None:
            ray.kill(handle)
        return handle is not None

    def _handle(self, trial: TrialId) -> Any:
        return self._trials[trial].temporary_state.ray_actor


def _outcome(answer: Any) -> Exception | None:
    """The error of a call that was waited for, or an error that says that there is no answer
    yet."""
    try:
        ray.get(answer, timeout=0)
    except RayTaskError as error:
        cause: Exception = error.cause
        return cause
    except RayError as error:
        return error
    return None
