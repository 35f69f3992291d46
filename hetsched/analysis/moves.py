"""How often trials lose their workers or change them."""

from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId


class Moves:
    """How often trials are moved.

    - preemptions: how often an unfinished trial had to wait at the end of a segment because another
      trial took its worker (of a gang: one of its workers). All trials of a package have their
      worker until the package is reported. A trial that goes on elsewhere at the same moment does
      not count: it was moved. A trial whose segment was lost does not count either: no policy took
      its worker.
    - migrations: segments that begin on other workers than the segment before of the same trial.

    >>> moves = Moves()
    >>> moves.start(0.0, "a", ("w",)); moves.end("a")
    >>> moves.start(5.0, "b", ("w",))  # a waits
    >>> moves.start(8.0, "a", ("v",))
    >>> moves.preemptions, moves.migrations
    (1, 1)
    """

    def __init__(self) -> None:
        self.preemptions = 0
        self.migrations = 0
        self._last: dict[TrialId, tuple[WorkerId, ...]] = {}
        self._holders: dict[WorkerId, tuple[int, list[TrialId]]] = {}  # the package and its trials
        self._waiting: set[TrialId] = set()
        self._preempted: dict[TrialId, float] = {}

    def start(self, time: float, trial: TrialId, workers: tuple[WorkerId, ...], package: int = 0) -> None:
        """A segment of the trial begins on these workers, alone (0) or in a package."""
        before = self._last.get(trial)
        if before is not None:
            self._waiting.discard(trial)
            if before != workers and set(before) != set(workers):
                self.migrations += 1
                self._leave(trial, before)
            if self._preempted.pop(trial, None) == time:  # its new worker was dispatched after its old one
                self.preemptions -= 1
        self._last[trial] = workers
        for worker in workers:
            self._take(time, trial, worker, package)

    def _leave(self, trial: TrialId, workers: tuple[WorkerId, ...]) -> None:
        for worker in workers:
            _, holders = self._holders.get(worker, (0, []))
            if trial in holders:
                holders.remove(trial)

    def _take(self, time: float, trial: TrialId, worker: WorkerId, package: int) -> None:
        """The trial has the worker now. Who had it and waits is preempted."""
        before, holders = self._holders.get(worker, (0, []))
        if package and package == before:
            holders.append(trial)
            return
        for holder in self._waiting.intersection(holders):
            self._waiting.remove(holder)
            self._preempted[holder] = time
            self.preemptions += 1
        self._holders[worker] = (package, [trial])

    def end(self, trial: TrialId) -> None:
        """Note the end of a segment. The trial waits until it goes on or is completed."""
        self._waiting.add(trial)

    def complete(self, time: float, trial: TrialId) -> None:
        """The trial no longer waits. Who stops it when its worker goes to another does not preempt
        it."""
        self._waiting.discard(trial)
        if self._preempted.pop(trial, None) == time:
            self.preemptions -= 1
