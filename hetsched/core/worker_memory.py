"""What is in the memory of workers, and what a segment must therefore do before it trains."""

from collections.abc import Sequence

from hetsched.core.trial import Trial
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId


class WorkerMemory(dict[WorkerId, TrialId]):
    """The trial that each worker trained last. A worker that is missing here must start up.

    All workers of a gang start up and restore at the same time. `others` are the further workers of
    a gang.
    """

    def must_start_up(self, worker: WorkerId, others: Sequence[WorkerId] = ()) -> bool:
        """Whether any of the workers has not started up."""
        return worker not in self or (bool(others) and any(one not in self for one in others))

    def must_restore(self, trial: Trial, worker: WorkerId, others: Sequence[WorkerId] = ()) -> bool:
        """Whether the trial has a state that the memory of any of the workers lacks."""
        if trial.iterations <= 0:
            return False
        return not self._holds(worker, trial) or (bool(others) and not all(self._holds(one, trial) for one in others))

    def _holds(self, worker: WorkerId, trial: Trial) -> bool:
        """Whether the worker trained the trial's last segment, and nothing since."""
        return self.get(worker) == trial.id and (trial.at == worker or worker in trial.others)
