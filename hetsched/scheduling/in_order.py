"""Serving trials in a given order: what the queueing policies share."""

from collections.abc import Iterable, Iterator

from hetsched.scheduling.policy import Dispatch
from hetsched.state import Trial
from hetsched.view import StateView


def serve(state: StateView, order: Iterable[Trial]) -> Iterator[Dispatch]:
    """Each idle worker, the longest idle first, takes the first trial in `order` that it can run, for an interval."""
    passed_over: list[Trial] = []
    coming = iter(order)
    for worker in state.idle_workers:
        chosen = next((trial for trial in passed_over if state.usable(trial, worker)), None)
        if chosen is not None:
            passed_over.remove(chosen)
        else:
            for trial in coming:
                if state.usable(trial, worker):
                    chosen = trial
                    break
                passed_over.append(trial)
        if chosen is not None:
            yield Dispatch(chosen.id, worker.id, state.interval(chosen))
