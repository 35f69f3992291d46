"""Neighbours: trials on the cores of one node slow each other down."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from hetsched.domain.cluster import ClusterSpec, NodeId, Worker, WorkerId
from hetsched.domain.profiles import StepTimes


class Neighbours:
    """The number of busy cores of each node.

    A profile's `sharing` is the factor by which an iteration takes longer while all other cores of
    the node train. They share its memory and caches. With fewer busy cores the slowdown is in
    proportion to their number. The slowdown of shared GPUs is in the profile's step times of the
    share.
    """

    def __init__(self, cluster: ClusterSpec, workers: Iterable[Worker]) -> None:
        self._cores = {node.id: node.cores for node in cluster}
        self._workers = {worker.id: worker for worker in workers}
        self._on_node: defaultdict[NodeId, list[WorkerId]] = defaultdict(list)
        for worker in self._workers.values():
            self._on_node[worker.node].append(worker.id)
        self._busy: defaultdict[NodeId, int] = defaultdict(int)

    def matter(self, times: StepTimes, models: Collection[str]) -> bool:
        """Whether some worker has neighbours, and the profile has a `sharing` for one of these
        models."""
        shared = any(len(workers) > 1 for workers in self._on_node.values())
        return shared and any(row.sharing is not None and row.sharing > 1 and row.model in models for row in times.rows)

    def start(self, workers: Iterable[WorkerId]) -> None:
        for worker in workers:
            self._busy[self._workers[worker].node] += self._workers[worker].cores

    def end(self, workers: Iterable[WorkerId]) -> None:
        for worker in workers:
            self._busy[self._workers[worker].node] -= self._workers[worker].cores

    def of(self, workers: Iterable[WorkerId]) -> list[WorkerId]:
        """All workers of the same nodes, with the given ones."""
        nodes = dict.fromkeys(self._workers[worker].node for worker in workers)
        return [worker for node in nodes for worker in self._on_node[node]]

    def slowness(self, worker: WorkerId, sharing: float) -> float:
        """The factor by which a busy worker is slower now than alone on its node."""
        of_node, own = self._workers[worker].node, self._workers[worker].cores
        others = self._cores[of_node] - own
        return 1 + (sharing - 1) * (self._busy[of_node] - own) / others if others else 1.0
