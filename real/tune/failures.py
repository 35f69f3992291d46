"""The consequences of a failed segment for its trial, for its node, and for the run."""

from collections.abc import Mapping
from pathlib import Path

from hetsched.core.lost_work import LostWork
from hetsched.core.trial import Segment, Trial
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.workload import TrialId
from hetsched.errors import HetschedError, InputError
from real.checkpoints.generations import damage
from real.cluster.nodes import Nodes
from real.tune.attendance import Attendance
from real.tune.failure_counts import MAX_FAILURES, STRIKES, FailureCounts
from real.tune.messages import Failure, What
from real.tune.stopping import Stopping
from real.tune.trial_states import TrialStates


class Failures:
    """Finds the cause of a failed segment, the trial or the node, and takes the consequences."""

    def __init__(
        self,
        workers: Mapping[WorkerId, Worker],
        nodes: Nodes,
        attendance: Attendance,
        states: TrialStates,
        stopping: Stopping,
    ) -> None:
        self._workers = workers
        self._nodes = nodes
        self._attendance = attendance
        self._states = states
        self._stopping = stopping
        self._counts = FailureCounts()
        self._lost_work = LostWork()

    def succeeded(self, segment: Segment, reached: int, trial: Trial) -> None:
        """The segment was finished. `reached` is the trial's iterations at its end. The trial may
        have copied another trial since, and so have another count now."""
        self._counts.succeeded(trial.id, self._workers[segment.worker].node, reached)
        self._lost_work.trained(trial.id, reached)
        if trial.iterations != reached:
            self._counts.recounted(trial.id, trial.iterations)
            self._lost_work.recounted(trial.id, trial.iterations)

    def failed(self, segment: Segment, failure: Failure) -> None:
        """The segment failed, and is recorded as lost already.

        Raises InputError for a failure that every further attempt would repeat. Raises
        HetschedError for a trial that failed too often, or lost its work with its nodes too often.
        """
        trial, node = segment.trial, self._workers[segment.worker].node
        if self._stopping.is_for(failure.cause):
            return
        if isinstance(failure.cause, InputError):
            raise failure.cause
        if (damaged := self._damaged_checkpoint(trial, failure)) is not None:
            file, wrong = damaged
            self._states.fall_back_all(file, f"checkpoint {file}: {wrong}")
            self._counts.lost_checkpoint(trial)
        elif self._lost_with_node(segment.worker, failure):
            self._lost_work.lost(trial, failure.reason)
            return
        else:
            self._counts.failed(trial, node)
        if (failures := self._counts.failures(trial)) > MAX_FAILURES:
            raise HetschedError(
                f"trial {trial!r} failed {failures} times, at last with: {failure.reason}; a run bears "
                f"{MAX_FAILURES} per trial: mend the cause, then resume the run"
            )
        if self._counts.strikes(node) >= STRIKES:
            self._set_aside(node, f"{STRIKES} segments in a row failed there, the last of {trial}: {failure.reason}")

    def _damaged_checkpoint(self, trial: TrialId, failure: Failure) -> tuple[Path, str] | None:
        """The file from which the trial goes on, and what is wrong with it. None: nothing is
        wrong."""
        file = self._states.checkpoints.latest(trial)
        if failure.what is not What.CHECKPOINT or file is None or (wrong := damage(file)) is None:
            return None
        return file, wrong

    def _lost_with_node(self, worker: WorkerId, failure: Failure) -> bool:
        """Whether the worker's actor is lost with its node, rather than for a reason of its own.

        If an actor dies on a node that lives, the node reports it. If there is no report, the node
        is in doubt: Ray may need a minute to notice that a node is gone. Until then Ray would try
        to start actors there.
        """
        if failure.what not in (What.ACTOR, What.CONNECTION):
            return False
        self._attendance.watch(at_once=True)
        if worker not in self._attendance.there:
            return True
        if failure.what is not What.CONNECTION:
            return False
        self._nodes.doubt(self._workers[worker].node)
        self._attendance.follow()
        return True

    def _set_aside(self, node: NodeId, reason: str) -> None:
        self._counts.forgive(node)
        self._nodes.set_aside(node, reason)
        self._attendance.follow()
