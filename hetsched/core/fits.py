"""Where trials can run: on devices that they may use, and for which the profile has their step
time."""

from collections.abc import Iterable
from functools import cached_property
from itertools import islice

from hetsched.core.events import SIMULATED
from hetsched.core.state import State
from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment, TrialKind


class Fits:
    """Which kinds of trial run on which types of worker.

    A profile leaves out what does not fit into a device's memory. So a kind of trial does not run
    where the profile lacks its step time. In a simulation there is no exception. A real run tries
    what nobody has measured, and learns. It tries a type of worker of which the profile has no row,
    and a kind of trial that the profile has on no type.
    """

    def __init__(self, state: State, times: StepTimes) -> None:
        self._state = state
        self._times = times
        self._seen = (0, 0)
        self._has_gaps = False

    def runs(self, experiment: Experiment, kind: TrialKind, worker: WorkerType) -> bool:
        """Whether trials of the experiment run, as this kind of trial, on a worker of the type."""
        if experiment.devices is not None and worker.device not in experiment.devices:
            return False
        return not self.has_gaps or self._fits(kind, worker.gang(experiment.gang))

    @property
    def has_gaps(self) -> bool:
        """Whether some kind of trial does not run on some type of worker that is, or was, in the
        cluster."""
        state = self._state
        now = (len(state.experiments), len(state.types))
        if not self._has_gaps and now != self._seen:
            experiments, types = self._seen
            new = islice(state.experiments.values(), experiments if types == now[1] else 0, None)
            self._has_gaps = not all(map(self._fits_everywhere, new))
            self._seen = now
        return self._has_gaps

    def _fits_everywhere(self, experiment: Experiment) -> bool:
        gangs = [one.gang(experiment.gang) for one in self._state.types if experiment.may_use(one.device)]
        return all(self._fits(kind, gang) for kind in experiment.kinds for gang in gangs)

    def _fits(self, kind: TrialKind, worker: WorkerType) -> bool:
        if self._times.seconds_per_iteration(kind, worker) is not None:
            return True
        if self._state.run is not None and self._state.run.backend == SIMULATED:
            return False
        return worker.as_profiled not in self._measured or not self._knows(kind, self._measured)

    def _knows(self, kind: TrialKind, workers: Iterable[WorkerType]) -> bool:
        return any(self._times.seconds_per_iteration(kind, worker) is not None for worker in workers)

    @cached_property
    def _measured(self) -> frozenset[WorkerType]:
        return frozenset(row.worker_type for row in self._times.rows)
