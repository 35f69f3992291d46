"""Which nodes of the scenario are there now: those that Ray has, that answer, and that were not set aside."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from hetsched.domain.cluster import ClusterSpec, NodeId
from real.cluster.matching import RayNodeId

LOOK_EVERY_S = 0.5
RETURN_S = 60.0
"""So long a run that can do nothing else waits for a node that went away."""


class Probe(Protocol):
    """How `Nodes` sees the cluster."""

    def present(self, kept: Mapping[NodeId, RayNodeId]) -> dict[NodeId, RayNodeId]:
        """Return the Ray node of each node that the cluster has now. Nodes of `kept` stay on their Ray nodes."""

    def ask(self, ray_node: RayNodeId) -> None:
        """Ask the Ray node to carry out a task."""

    def answered(self, ray_node: RayNodeId) -> bool:
        """Whether the Ray node has carried the task out since it was asked."""


class Nodes:
    """The Ray node of each node that is `there`; `look` keeps it up to date.

    A node that died and comes back is another Ray node, and is judged anew.
    """

    def __init__(
        self,
        cluster: ClusterSpec,
        there: dict[NodeId, RayNodeId],
        probe: Probe,
        read_time: Callable[[], float] = time.monotonic,
    ) -> None:
        self.there = dict(there)
        self.absences: dict[NodeId, str] = {}
        self._cluster = cluster
        self._standing = dict(there)  # also those that are in doubt, or were set aside
        self._probe = probe
        self._read_time = read_time
        self._in_doubt: set[RayNodeId] = set()
        self._aside: set[RayNodeId] = set()
        self._looked_at = self._left_at = read_time()

    def look(self, at_once: bool = False) -> bool:
        """Whether nodes have gone or come since the last look; to look costs Ray a millisecond, so it is done now and
        then only, unless `at_once`."""
        now = self._read_time()
        if now - self._looked_at < LOOK_EVERY_S and not at_once:
            return False
        self._looked_at = now
        self._standing |= (alive := self._probe.present(self._standing))
        there = {node: ray_node for node, ray_node in alive.items() if self._serves(ray_node)}
        before, self.there = self.there, there
        for node in before:
            if there.get(node) != before[node]:
                self._leave(node, f"node {node} died")
        return there != before

    def doubt(self, node: NodeId) -> None:
        """Something on the node is out of reach, though Ray has not missed the node yet: it is not there until it has
        carried out a task."""
        ray_node = self._withdraw(node, "does not answer")
        self._in_doubt.add(ray_node)
        self._probe.ask(ray_node)

    def set_aside(self, node: NodeId, reason: str) -> None:
        """The node is not there any more, unless it is started anew."""
        self._aside.add(self._withdraw(node, f"was set aside: {reason}"))

    @property
    def may_return(self) -> bool:
        """Whether there is any sense in waiting for a node that is away."""
        if self._read_time() - self._left_at > RETURN_S:
            return False
        present = self._probe.present(self._standing)
        aside = {node for node, ray_node in present.items() if ray_node in self._aside}
        return any(node.id not in self.there and node.id not in aside for node in self._cluster)

    def _withdraw(self, node: NodeId, reason: str) -> RayNodeId:
        """The Ray node of this node serves no more, and so do all other nodes that stand on it. Return the Ray node."""
        ray_node = self.there[node]
        self._leave(node, f"node {node} {reason}")
        for other in [other for other, where in self.there.items() if where == ray_node and other != node]:
            self._leave(other, f"node {other} is on one Ray node with {node}; node {node} {reason}")
        self.there = {other: where for other, where in self.there.items() if where != ray_node}
        return ray_node

    def _leave(self, node: NodeId, reason: str) -> None:
        self.absences[node] = reason
        self._left_at = self._read_time()

    def _serves(self, ray_node: RayNodeId) -> bool:
        if ray_node in self._aside:
            return False
        if ray_node in self._in_doubt and self._probe.answered(ray_node):
            self._in_doubt.discard(ray_node)
        return ray_node not in self._in_doubt
