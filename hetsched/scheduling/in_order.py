"""Serving trials in a given order: what the queueing policies share."""

from collections.abc import Callable, Iterable, Iterator

from hetsched.cluster import Worker
from hetsched.scheduling.free_workers import FreeWorkers
from hetsched.scheduling.policy import Dispatch
from hetsched.state import Trial
from hetsched.view import StateView


def serve(
    state: StateView, order: Iterable[Trial], iterations: Callable[[Trial], int] | None = None
) -> Iterator[Dispatch]:
    """Each idle worker, the longest idle first, takes the first trial in `order` that it can run, for an interval (or
    for what `iterations` says).

    A gang takes workers that have been idle longest, of the first type of which enough are idle. If there are too few,
    those of the worker's type wait with it for more.
    """
    length = iterations or state.interval
    free = FreeWorkers(state)
    queue = _Queue(order)
    for worker in free:
        while worker in free:
            trial = queue.first(free, worker)
            if trial is None:
                break
            team = free.team(trial, worker)
            if team:
                yield free.start(trial, team, length(trial))
            else:
                free.hold(worker.type)


class _Queue:
    """Trials in order, read no further than is needed."""

    def __init__(self, order: Iterable[Trial]) -> None:
        self._coming = iter(order)
        self._passed_over: list[Trial] = []

    def first(self, free: FreeWorkers, worker: Worker) -> Trial | None:
        """Take out the first trial that suits the worker."""
        for place, trial in enumerate(self._passed_over):
            if free.suits(trial, worker):
                return self._passed_over.pop(place)
        for trial in self._coming:
            if free.suits(trial, worker):
                return trial
            self._passed_over.append(trial)
        return None
