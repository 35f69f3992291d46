"""The idle workers that a decision can still assign, alone or in gangs."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.core.worker_pool import Turn
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.scheduling.teams import others


class FreeWorkers:
    """The idle workers without those that are taken or held. The worker that has been idle longest
    comes first.

    A gang cannot start if too few workers of every type are free. Then it holds the free workers of
    a type. Otherwise it would wait until no other trial is left.
    """

    def __init__(self, state: StateView) -> None:
        self._state = state
        self._idle = state.idle_by_type
        self._taken: set[WorkerId] = set()
        self._held: set[WorkerType] = set()

    @property
    def all_taken(self) -> bool:
        return len(self._taken) == len(self._state.idle_workers)

    def __contains__(self, worker: Worker) -> bool:
        if worker.id in self._taken or (self._held and worker.type in self._held):
            return False
        return worker.id in self._idle.get(worker.type, ())

    def __iter__(self) -> Iterator[Worker]:
        """The free workers. A worker that is taken or held during the iteration is left out."""
        turns = merge(*map(self._of_type, self._idle), key=lambda turn: turn[0])
        return (worker for _, worker in turns if worker in self)

    def _of_type(self, worker_type: WorkerType) -> Iterator[Turn]:
        for turn in self._idle[worker_type].values():
            if worker_type in self._held:
                return
            if turn[1].id not in self._taken:
                yield turn

    def suits(self, trial: Trial, worker: Worker) -> bool:
        """Whether the trial may run on the worker, and the cluster has enough workers of its type
        for the gang."""
        gang = self._state.experiment(trial).gang
        return self._state.usable(trial, worker) and (gang == 1 or self._state.of_type(worker.type) >= gang)

    def team(self, trial: Trial, worker: Worker) -> Sequence[Worker]:
        """The workers on which the trial can start now: `worker` and more of its type, else enough
        workers of another type. Empty: it cannot start."""
        gang = self._state.experiment(trial).gang
        if gang == 1:
            return [worker]
        others = (one for _, one in self._of_type(worker.type) if one.id != worker.id)
        team = [worker, *islice(others, gang - 1)]
        return team if len(team) == gang else self._team_of_another_type(trial, gang)

    def _team_of_another_type(self, trial: Trial, gang: int) -> Sequence[Worker]:
        """A team of a type with enough free workers. If several types have enough, the type of the
        worker that has been idle longest is taken."""
        teams: list[list[Turn]] = []
        for worker_type in self._idle:
            team = list(islice(self._of_type(worker_type), gang))
            if len(team) == gang and self._state.usable(trial, team[0][1]):
                teams.append(team)
        return [worker for _, worker in min(teams, default=[])]

    def start(self, trial: Trial, team: Sequence[Worker], iterations: int) -> Dispatch:
        """Take the team for a segment of the trial."""
        self._taken.update(worker.id for worker in team)
        return Dispatch(trial.id, team[0].id, iterations, others(team))

    def hold(self, worker_type: WorkerType) -> None:
        """Leave the free workers of the type idle: a gang waits for more of them."""
        self._held.add(worker_type)
