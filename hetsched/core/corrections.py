"""How fast a worker has been so far, compared with its profile."""

from typing import NamedTuple

from hetsched.core.state import State
from hetsched.core.trial import Package
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.profiles import StepTimes


class Seconds(NamedTuple):
    """The measured seconds of a worker's iterations, and the seconds by the profile, for what the
    profile has."""

    measured: float
    expected: float


NONE = Seconds(0.0, 0.0)


class Corrections:
    """Sums of what each worker has trained. A sum is computed again after the worker has reported
    something."""

    def __init__(self, state: State, times: StepTimes) -> None:
        self._state = state
        self._times = times
        self._known: dict[WorkerId, tuple[Package, Seconds]] = {}

    def of(self, worker: Worker) -> Seconds:
        last = self._state.last_packages.get(worker.id)
        if last is None:
            return NONE
        known = self._known.get(worker.id)
        if known is None or known[0] is not last:
            known = self._known[worker.id] = last, self._sum(worker)
        return known[1]

    def _sum(self, worker: Worker) -> Seconds:
        measured = expected = 0.0
        worker_type = worker.type
        for (kind, gang), done in self._state.trained[worker.id].items():
            reference = self._times.seconds_per_iteration(kind, worker_type.gang(gang))
            if reference is not None:
                measured += done.seconds
                expected += reference * done.iterations
        return Seconds(measured, expected)
