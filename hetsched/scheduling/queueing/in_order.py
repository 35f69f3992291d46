"""Serving trials in a given order: the common part of the queueing policies."""

from collections.abc import Callable, Iterable, Iterator

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker
from hetsched.scheduling.free_workers import FreeWorkers


def serve(
    state: StateView, order: Iterable[Trial], iterations: Callable[[Trial], int] | None = None
) -> Iterable[Dispatch]:
    """Each idle worker takes the first trial in `order` that it can run. The worker that has been
    idle longest is first.

    The segment is an interval, or as long as `iterations` says. A gang takes the workers that have
    been idle longest, of the first type with enough idle workers. If no type has enough, the idle
    workers of the worker's type wait for more.
    """
    length = iterations or state.interval
    if not state.restricted:
        pairs = zip(state.idle_workers, order, strict=False)
        return [Dispatch(trial.id, worker.id, length(trial)) for worker, trial in pairs]
    return _serve_teams(state, iter(order), length)


def _serve_teams(state: StateView, coming: Iterator[Trial], length: Callable[[Trial], int]) -> Iterator[Dispatch]:
    passed_over: list[Trial] = []
    free = FreeWorkers(state)
    for worker in free:
        while worker in free:
            trial = _first(free.suits, worker, coming, passed_over)
            team = free.team(trial, worker) if trial is not None else ()
            if trial is not None and team:
                yield free.start(trial, team, length(trial))
            else:  # a gang waits for more workers of the type, or no trial suits them
                free.hold(worker.type)


def _first(
    suits: Callable[[Trial, Worker], bool], worker: Worker, coming: Iterator[Trial], passed_over: list[Trial]
) -> Trial | None:
    """Take out the first trial that suits the worker. Trials that were skipped before come first,
    then the trials of the order. The order is read only as far as necessary."""
    for place, trial in enumerate(passed_over):
        if suits(trial, worker):
            return passed_over.pop(place)
    for trial in coming:
        if suits(trial, worker):
            return trial
        passed_over.append(trial)
    return None
