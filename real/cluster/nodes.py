"""The nodes of the scenario that are present: Ray has them, they answer, and they were not set
aside."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from hetsched.domain.cluster import ClusterSpec, NodeId
from real.cluster.matching import RayNodeId

LOOK_EVERY_S = 0.5
RETURN_S = 60.0
"""How many seconds a run with nothing else to do waits for a node that left."""


class Probe(Protocol):
    """The view that `Nodes` has of the cluster."""

    def present(self, kept: Mapping[NodeId, RayNodeId]) -> dict[NodeId, RayNodeId]:
        """The Ray node of each node that the cluster has now. Nodes in `kept` stay on their Ray
        nodes."""

    def ask(self, ray_node: RayNodeId) -> None:
        """Ask the Ray node to carry out a task."""

    def answered(self, ray_node: RayNodeId) -> bool:
        """Whether the Ray node has carried the task out since it was asked."""


class Nodes:
    """The Ray node of each node that is present, in `there`. `look` updates it. `absences` says why
    a node left.

    A node that died and returns is another Ray node. It starts without doubts.
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
        """Whether nodes have left or joined since the last look. A look costs Ray a millisecond, so
        there is one per `LOOK_EVERY_S` seconds, or one `at_once`."""
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
        """Withdraw a node of which something is out of reach, although Ray has not noticed. It is
        absent until it has carried out a task."""
        ray_node = self._withdraw(node, "does not answer")
        self._in_doubt.add(ray_node)
        self._probe.ask(ray_node)

    def set_aside(self, node: NodeId, reason: str) -> None:
        """Withdraw a node for good. It can return only as a new Ray node."""
        self._aside.add(self._withdraw(node, f"was set aside: {reason}"))

    @property
    def may_return(self) -> bool:
        """Whether waiting for an absent node makes sense."""
        if self._read_time() - self._left_at > RETURN_S:
            return False
        present = self._probe.present(self._standing)
        aside = {node for node, ray_node in present.items() if ray_node in self._aside}
        return any(node.id not in self.there and node.id not in aside for node in self._cluster)

    def _withdraw(self, node: NodeId, reason: str) -> RayNodeId:
        """Withdraw this node, and all other nodes on the same Ray node. Returns the Ray node."""
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
