"""Workers that come and go: in the order of their coming, by type, and by how fast they are for a
trial."""

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from hetsched.domain.cluster import Worker, WorkerId, WorkerType

Turn = tuple[int, Worker]
"""A worker, and a number. A worker that came later has a greater number."""

Ranked = tuple[float, int, Worker]
"""Seconds per iteration on the worker, its number in the order of arrival, and the worker."""

Speed = Callable[[Worker], float | None]
"""Seconds per iteration on a worker. None: the trial does not run there."""


class Unseen(dict[WorkerId, Turn | None]):
    """The changes of a pool since somebody last looked: for each changed worker its newest turn,
    None if it is gone. The workers that changed last come last."""

    def note(self, name: WorkerId, turn: Turn | None) -> None:
        self.pop(name, None)
        self[name] = turn

    def drained(self) -> dict[WorkerId, Turn | None]:
        """The changes, which are then forgotten."""
        found = dict(self)
        self.clear()
        return found


class WorkerPool(dict[WorkerId, Worker]):
    """Workers by id, in the order in which they came. Only the state changes the pool. The pool
    notes its changes in every `Unseen` that `followed` has returned."""

    def __init__(self) -> None:
        super().__init__()
        self._followers: list[Unseen] = []
        self._turns = 0

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return WorkerPool, (), None, None, iter(self.items())

    def followed(self) -> Unseen:
        """A record of the workers that are in the pool now, and of every later change."""
        changes: Unseen = Unseen()
        for worker in self.values():
            self._turns += 1
            changes[worker.id] = (self._turns, worker)
        self._followers.append(changes)
        return changes

    def __setitem__(self, name: WorkerId, worker: Worker) -> None:
        dict.__setitem__(self, name, worker)
        if self._followers:
            self._turns += 1
            for changes in self._followers:
                changes.note(name, (self._turns, worker))

    def __delitem__(self, name: WorkerId) -> None:
        dict.__delitem__(self, name)
        for changes in self._followers:
            changes.note(name, None)

    def pop(self, name: WorkerId, default: Worker | None = None) -> Worker | None:  # type: ignore[override]
        """Take the worker out of the pool, if it is in the pool."""
        if name in self:
            default = self[name]
            del self[name]
        return default


class ByType:
    """The workers of a pool by type, each type in the order in which its workers came. A type
    without workers has no entry."""

    def __init__(self, pool: WorkerPool) -> None:
        self._changes = pool.followed()
        self._types: dict[str, WorkerType] = {}
        self._workers: dict[WorkerType, dict[str, Turn]] = {}
        self._shown: dict[WorkerType, Mapping[str, Turn]] = {}  # the same, read-only: policies see it
        self._view = MappingProxyType(self._shown)

    def up_to_date(self) -> Mapping[WorkerType, Mapping[str, Turn]]:
        if self._changes:
            for name, turn in self._changes.drained().items():
                self._take_in(name, turn)
        return self._view

    def _take_in(self, name: str, turn: Turn | None) -> None:
        before = self._types.pop(name, None)
        if before is not None:
            del self._workers[before][name]
            if not self._workers[before]:
                del self._workers[before], self._shown[before]
        if turn is not None:
            self._types[name] = here = turn[1].type
            if here not in self._workers:
                self._workers[here] = {}
                self._shown[here] = MappingProxyType(self._workers[here])
            self._workers[here][name] = turn


class Ranking:
    """The workers of a pool on which a kind of trial can run: the fastest first, of equals the one
    that came first."""

    def __init__(self, pool: WorkerPool) -> None:
        self._changes = pool.followed()
        self._places: dict[str, tuple[float, int]] = {}
        self._sorted: list[Ranked] = []

    def up_to_date(self, speed: Speed) -> Sequence[Ranked]:
        """The workers, after all changes since the last call."""
        if self._changes:
            for name, turn in self._changes.drained().items():
                self._take_in(name, turn, speed)
        return self._sorted

    def _take_in(self, name: str, turn: Turn | None, speed: Speed) -> None:
        before = self._places.pop(name, None)
        if before is not None:
            del self._sorted[bisect_left(self._sorted, before, key=_place)]
        seconds = speed(turn[1]) if turn is not None else None
        if turn is not None and seconds is not None:
            self._places[name] = (seconds, turn[0])
            insort(self._sorted, (seconds, *turn), key=_place)


def _place(ranked: Ranked) -> tuple[float, int]:
    return ranked[:2]
