"""Which kinds of trial train on which types of worker."""

from collections.abc import Iterable

from hetsched.domain.cluster import WorkerType
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialKind
from hetsched.scenario.scenario import Setup

NAMED = 3
"""The most things of a kind that are named. If there are more, the line says how many."""

Pair = tuple[TrialKind, WorkerType]


def types_of(setup: Setup, strategies: Iterable[Strategy]) -> list[WorkerType]:
    """The types of the strategies' workers."""
    return list(dict.fromkeys(worker.type for strategy in strategies for worker in setup.workers(strategy)))


def timed(setup: Setup, pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that have a step time, so that the kind trains there."""
    return [pair for pair in pairs if setup.times.seconds_per_iteration(*pair) is not None]


def may_run(setup: Setup, workers: Iterable[WorkerType]) -> list[Pair]:
    """The kinds of trial and the types of worker, or of a gang, whose devices they may use."""
    found: dict[Pair, None] = {}
    for worker in workers:
        for experiment in setup.workload.experiments:
            if experiment.may_use(worker.device):
                found.update(dict.fromkeys((kind, worker.gang(experiment.gang)) for kind in experiment.kinds))
    return list(found)


def some(names: Iterable[str]) -> str:
    """The names, each once; of many, the first ones and how many more there are."""
    different = list(dict.fromkeys(names))
    more = len(different) - NAMED
    return "; ".join(different[:NAMED]) + (f"; and {more} more" if more > 0 else "")
