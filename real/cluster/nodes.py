"""Which nodes of the scenario are there now: those that Ray has, that answer, and that were not set aside."""

import time
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hetsched.cluster import ClusterSpec, NodeId
from real.cluster import ray_cluster
from real.cluster.matching import RayNodeId

LOOK_EVERY_S = 0.5
RETURN_S = 60.0
"""So long a run that can do nothing else waits for a node that went away."""


def _answer() -> None:
    """What a node that is in doubt has to carry out."""


class Nodes:
    """The Ray node that stands for each node that is `there`; `look` keeps it up to date.

    A node that died and comes back is another Ray node, and is judged anew.
    """

    def __init__(self, cluster: ClusterSpec, there: dict[NodeId, RayNodeId]) -> None:
        self.there = dict(there)
        self.absences: dict[NodeId, str] = {}
        self._cluster = cluster
        self._standing = dict(there)  # also those that are in doubt, or were set aside
        self._asked: dict[RayNodeId, Any] = {}
        self._aside: set[RayNodeId] = set()
        self._looked_at = self._left_at = time.monotonic()

    def look(self, at_once: bool = False) -> bool:
        """Whether nodes have gone or come since the last look; to look costs Ray a millisecond, so it is done now and
        then only, unless `at_once`."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY_S and not at_once:
            return False
        self._looked_at = now
        self._standing |= (alive := ray_cluster.present(self._cluster, self._standing))
        there = {node: ray_node for node, ray_node in alive.items() if self._serves(ray_node)}
        before, self.there = self.there, there
        for node in before:
            if there.get(node) != before[node]:
                self._leave(node, f"node {node} died")
        return there != before

    def doubt(self, node: NodeId) -> None:
        """Something on the node is out of reach, though Ray has not missed the node yet: it is not there until it has
        carried out a task."""
        ray_node = self.there.pop(node)
        self._leave(node, f"node {node} does not answer")
        self._ask(ray_node)

    def set_aside(self, node: NodeId, reason: str) -> None:
        """The node is not there any more, unless it is started anew."""
        self._aside.add(self.there.pop(node))
        self._leave(node, f"node {node} was set aside: {reason}")

    @property
    def may_return(self) -> bool:
        """Whether there is any sense in waiting for a node that is away."""
        if time.monotonic() - self._left_at > RETURN_S:
            return False
        aside = {
            node
            for node, ray_node in ray_cluster.present(self._cluster, self._standing).items()
            if ray_node in self._aside
        }
        return any(node.id not in self.there and node.id not in aside for node in self._cluster)

    def _leave(self, node: NodeId, reason: str) -> None:
        self.absences[node] = reason
        self._left_at = time.monotonic()

    def _serves(self, ray_node: RayNodeId) -> bool:
        if ray_node in self._aside:
            return False
        if ray_node not in self._asked:
            return True
        answer = self._asked[ray_node]
        if not ray.wait([answer], timeout=0)[0]:
            return False
        del self._asked[ray_node]
        try:
            ray.get(answer)
        except RayError:  # while Ray has the node, it may answer yet
            self._ask(ray_node)
            return False
        return True

    def _ask(self, ray_node: RayNodeId) -> None:
        there_only = NodeAffinitySchedulingStrategy(ray_node, soft=False)
        task: Any = ray.remote(_answer)
        self._asked[ray_node] = task.options(num_cpus=0, max_retries=0, scheduling_strategy=there_only).remote()
