"""How much longer start-ups take that go on at once on one host, whose cores they share."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from statistics import fmean

from hetsched.domain.cluster import Worker, WorkerId

BEFORE_CORES = 0.18
"""The part of a start-up that a worker does on any core of its host, before it confines itself to
its own.

Measured: fitted to one half of the recordings in `fidelity/`, whose other half tests it
(docs/validation.md)."""

CorePlaces = Mapping[WorkerId, Collection[int]]
"""The numbers of the cores of each worker, on its host."""


def core_places(workers: Iterable[Worker], host_cores: int) -> dict[WorkerId, list[int]]:
    """The cores of workers that are all on one host, as real runs hand them out: adjacent ones, one
    worker after another. Numbers beyond the last core are taken round again, so workers may share
    cores.

    >>> from hetsched.domain.cluster import NodeId
    >>> workers = [Worker(WorkerId(name), NodeId(name), "cpu", 1) for name in "abc"]
    >>> core_places(workers, 2)
    {'a': [0], 'b': [1], 'c': [0]}
    """
    first, found = 0, {}
    for worker in workers:
        count = max(worker.cores, 1)
        found[worker.id] = sorted({(first + number) % host_cores for number in range(count)})
        first += count
    return found


def slowdowns(starting: Collection[WorkerId], places: CorePlaces, host_cores: int) -> dict[WorkerId, float]:
    """The factor by which the start-up of each worker takes longer when all of these start at once.

    A start-up keeps one core busy. At first it is any core of the host. Later it is one of the
    worker's own cores, which other workers may have, too.

    >>> found = slowdowns(["a", "b", "c"], {"a": [0], "b": [1], "c": [0]}, 2)
    >>> {worker: round(factor, 2) for worker, factor in found.items()}
    {'a': 1.91, 'b': 1.09, 'c': 1.91}
    """
    load: defaultdict[int, float] = defaultdict(float)
    for worker in starting:
        for core in places[worker]:
            load[core] += 1 / len(places[worker])
    on_all = max(1.0, len(starting) / host_cores)
    return {
        worker: BEFORE_CORES * on_all + (1 - BEFORE_CORES) * max(1.0, fmean(load[core] for core in places[worker]))
        for worker in starting
    }
