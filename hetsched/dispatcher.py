"""The dispatcher: asks the policy, refuses what must not be, records what happened. The same for every backend.

A backend owns time and work. It tells the dispatcher what happened and starts what the dispatcher returns.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from time import perf_counter

from hetsched.cluster import CPU, ClusterSpec, Node, Worker
from hetsched.errors import PolicyError
from hetsched.events import (
    Event,
    ExperimentArrived,
    LogWriter,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
)
from hetsched.profiles import StepTimes
from hetsched.scheduling.policy import Dispatch, SchedulingPolicy
from hetsched.state import State, Status, Trial
from hetsched.view import StateView
from hetsched.workload import Experiment, Hyperparameters, TrialId

Perturb = Callable[[Trial], tuple[TrialId, Hyperparameters] | None]
"""PBT at the end of a trial's segment: the trial to exploit and the new hyperparameters, or None."""


class Dispatcher:
    """Applies events to the state, writes them to the log, and turns a policy's decisions into segments.

    `policy_name` names the policy in errors. `decision_s` and `decisions` measure the policy's own time on
    this host (seconds, calls); neither is part of the run's time. `listen` is told of every event, after it
    was applied (progress bars).
    """

    def __init__(
        self,
        state: State,
        policy: SchedulingPolicy,
        policy_name: str,
        times: StepTimes,
        log: LogWriter | None = None,
        listen: Callable[[State, Event], None] | None = None,
    ) -> None:
        self.state = state
        self.policy_name = policy_name
        self.decisions = 0
        self.decision_s = 0.0
        self._policy = policy
        self._log = log
        self._listen = listen
        self._view = StateView(state, times)

    def record(self, event: Event) -> None:
        """Something happened: apply it to the state and append it to the log."""
        self.state.apply(event)
        if self._log is not None:
            self._log.write(event)
        if self._listen is not None:
            self._listen(self.state, event)

    def arrive(self, time: float, experiment: Experiment, seed: int) -> None:
        """An experiment arrived, with the starting population of `seed`."""
        self.record(ExperimentArrived(time, experiment))
        for trial, hyperparameters in experiment.initial_hyperparameters(seed).items():
            self.record(TrialAdded(time, trial, experiment.id, hyperparameters))

    def end_segment(self, ended: SegmentEnded, perturb: Perturb) -> None:
        """A segment ended: its result, then the stop rule, else PBT. Ask for `dispatch` next.

        The order is fixed here so that every backend, and a replay, takes the same decisions.
        """
        self.record(ended)
        trial = self.state.trials[ended.trial]
        reason = self.state.stop_reason(trial)
        if reason is not None:
            self.record(TrialCompleted(ended.time, trial.id, reason))
        elif exploit := perturb(trial):
            source, hyperparameters = exploit
            self.record(TrialExploited(ended.time, trial.id, source, hyperparameters))
        if self._log is not None:
            self._log.flush()

    def lose_segment(self, time: float, trial: TrialId, reason: str) -> None:
        """A running segment broke; the trial is ready again, at its last checkpoint."""
        self.record(SegmentLost(time, trial, self.state.running[trial].worker, reason))
        if self._log is not None:
            self._log.flush()

    def dispatch(self, time: float) -> list[Dispatch]:
        """The policy's decisions for this moment, validated and recorded as started.

        Raises PolicyError, naming the policy and the decision, for one that must be refused, and when the
        policy itself raises.
        """
        state = self.state
        if not state.ready or not state.idle:
            return []
        started = perf_counter()
        try:
            # One more than can be carried out: it will be refused, and a policy that never ends cannot hang the run.
            decisions = list(islice(self._policy.dispatch(self._view), len(state.idle) + 1))
        except (Exception, SystemExit) as error:
            raise PolicyError(
                f"policy {self.policy_name!r} raised {type(error).__name__} at {time:.3f} s: {error}"
            ) from error
        self.decision_s += perf_counter() - started
        self.decisions += 1
        for decision in decisions:
            if reason := self._refusal(decision):
                raise PolicyError(f"policy {self.policy_name!r} decided {decision}: refused: {reason}")
            self.record(SegmentStarted(time, decision.trial, decision.worker, decision.iterations))
        return decisions

    def check_stalled(self) -> None:
        """Raise PolicyError if trials wait while nothing runs: without this a run would hang.

        Call it when nothing is left to happen that could make the policy decide anew.
        """
        if self.state.ready and not self.state.running:
            raise PolicyError(
                f"policy {self.policy_name!r} is stalled at {self.state.now:.3f} s: it left all "
                f"{len(self.state.idle)} workers idle while {len(self.state.ready)} trials wait and nothing runs"
            )

    def _refusal(self, decision: object) -> str | None:
        """Why a decision must not be carried out, given the decisions carried out before it; None if it may."""
        if not isinstance(decision, Dispatch):
            return "a policy returns Dispatch(trial, worker, iterations)"
        if not isinstance(decision.trial, str) or not isinstance(decision.worker, str):
            return "trial and worker are ids, such as trial.id and worker.id"
        state = self.state
        trial = state.trials.get(decision.trial)
        if trial is None:
            return "no such trial"
        if trial.status is not Status.READY:
            return f"the trial is {trial.status}, not ready"
        if decision.worker not in state.workers:
            return "no such worker, or it is dead"
        if decision.worker not in state.idle:
            return "the worker is busy"
        experiment = state.experiments[trial.experiment]
        device = state.workers[decision.worker].device
        if not experiment.may_use(device):
            return f"the trial runs on {', '.join(experiment.devices or ())} only, the worker is a {device}"
        remaining = experiment.stop_iterations - trial.iterations
        interval = experiment.pbt.perturbation_interval
        most = min(remaining, interval)
        if type(decision.iterations) is not int or not 1 <= decision.iterations <= most:
            return (
                f"iterations must be a whole number from 1 to {most} (the perturbation interval is {interval}, "
                f"{remaining} iterations remain)"
            )
        return None


def check_allocation(name: str, cluster: ClusterSpec, workers: Iterable[Worker]) -> None:
    """Raise PolicyError, naming the policy, if workers overlap or do not fit their nodes."""
    nodes = {node.id: node for node in cluster}
    cores = dict.fromkeys(nodes, 0)
    shares = dict.fromkeys(nodes, 0.0)
    seen = set()
    for worker in workers:
        if not isinstance(worker, Worker):
            raise PolicyError(f"allocation policy {name!r} returned {worker!r}: expected a Worker")
        if reason := _misfit(worker, nodes.get(worker.node)):
            raise PolicyError(f"allocation policy {name!r}: worker {worker.id!r} {reason}")
        if worker.id in seen:
            raise PolicyError(f"allocation policy {name!r}: worker {worker.id!r} appears twice")
        seen.add(worker.id)
        node = nodes[worker.node]
        cores[node.id] += worker.cores
        shares[node.id] += worker.gpu_share
        if cores[node.id] > node.cores or shares[node.id] > node.gpus + 1e-9:
            raise PolicyError(
                f"allocation policy {name!r}: the workers of {node.id} need {cores[node.id]} cores and "
                f"{shares[node.id]:g} GPUs, it has {node.cores} and {node.gpus}"
            )
    if not seen:
        raise PolicyError(f"allocation policy {name!r} made no workers: no trial could ever run")


def _misfit(worker: Worker, node: Node | None) -> str | None:
    """Why a worker cannot be a slice of its node; None if it can."""
    if node is None:
        return f"is on an unknown node {worker.node!r}"
    if worker.device not in (CPU, node.gpu_type):
        return f"is a {worker.device!r}, which {node.id} does not have"
    if worker.pace != node.pace:
        return f"has a pace of {worker.pace}, its node one of {node.pace}"
    if worker.cores < (1 if worker.device == CPU else 0):
        return f"has {worker.cores} cores"
    if (worker.gpu_share != 0) if worker.device == CPU else not 0 < worker.gpu_share <= 1:
        return f"has a GPU share of {worker.gpu_share:g}: expected 0 for cpu, else above 0 and at most 1"
    return None
