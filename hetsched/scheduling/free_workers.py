"""The idle workers that a decision can still give away, alone or in gangs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType


class FreeWorkers:
    """The idle workers, the longest idle first, less those that were taken or held back.

    A trial of a gang that cannot start, because too few workers of one type are free, holds back those that are, or it
    would wait until no other trial is left.
    """

    def __init__(self, state: StateView) -> None:
        self._state = state
        self._free = {worker.id: worker for worker in state.idle_workers}

    def __contains__(self, worker: Worker) -> bool:
        return worker.id in self._free

    def __iter__(self) -> Iterator[Worker]:
        """The free workers; those that are taken on the way are left out."""
        return (worker for worker in list(self._free.values()) if worker.id in self._free)

    @cached_property
    def _of_type(self) -> Counter[WorkerType]:
        return Counter(worker.type for worker in self._state.workers.values())

    def suits(self, trial: Trial, worker: Worker) -> bool:
        """Whether the trial may run on the worker, and the cluster has enough workers of its type for the gang."""
        gang = self._state.experiment(trial).gang
        return self._state.usable(trial, worker) and (gang == 1 or self._of_type[worker.type] >= gang)

    def team(self, trial: Trial, worker: Worker) -> Sequence[Worker]:
        """The workers on which the trial can start now: `worker` and more of its type, else so many of another type;
        none if it cannot."""
        gang = self._state.experiment(trial).gang
        if gang == 1:
            return [worker]
        by_type: dict[WorkerType, dict[WorkerId, Worker]] = {}
        for free in (worker, *self):
            if self._state.usable(trial, free):
                by_type.setdefault(free.type, {})[free.id] = free
        for alike in by_type.values():
            if len(alike) >= gang:
                return list(islice(alike.values(), gang))
        return []

    def start(self, trial: Trial, team: Sequence[Worker], iterations: int) -> Dispatch:
        """Take the team for a segment of the trial."""
        for worker in team:
            del self._free[worker.id]
        return Dispatch(trial.id, team[0].id, iterations, tuple(worker.id for worker in team[1:]))

    def hold(self, worker_type: WorkerType) -> None:
        """Leave the free workers of the type idle: a gang waits for more of them."""
        self._free = {name: worker for name, worker in self._free.items() if worker.type != worker_type}
