"""Ray's view of the nodes of a scenario: which are alive, and which answer."""

from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hetsched.domain.cluster import ClusterSpec, NodeId
from real.cluster.matching import RayNodeId, alive, match


def _answer() -> None:
    """The task that a doubtful node has to carry out."""


class RayProbe:
    """The probe on a Ray cluster. See `real.cluster.nodes.Probe`."""

    def __init__(self, cluster: ClusterSpec) -> None:
        self._cluster = cluster
        self._asked: dict[RayNodeId, Any] = {}
        self._hosts: dict[RayNodeId, str] = {}

    def present(self, kept: Mapping[NodeId, RayNodeId]) -> dict[NodeId, RayNodeId]:
        """The nodes that Ray has now and that are large enough."""
        return match(self._cluster, alive(ray.nodes()), kept)

    def host(self, ray_node: RayNodeId) -> str:
        """The address of the Ray node's host. Ray knows the hosts of dead nodes, too."""
        if ray_node not in self._hosts:
            self._hosts = {RayNodeId(node["NodeID"]): node["NodeManagerAddress"] for node in ray.nodes()}
        return self._hosts[ray_node]

    def ask(self, ray_node: RayNodeId) -> None:
        """Send a task that runs on this Ray node only."""
        there_only = NodeAffinitySchedulingStrategy(ray_node, soft=False)
        task: Any = ray.remote(_answer)
        self._asked[ray_node] = task.options(num_cpus=0, max_retries=0, scheduling_strategy=there_only).remote()

    def answered(self, ray_node: RayNodeId) -> bool:
        """Whether the task was carried out. A task that failed is sent again, because the node may
        still answer."""
        answer = self._asked[ray_node]
        if not ray.wait([answer], timeout=0)[0]:
            return False
        try:
            ray.get(answer)
        except RayError:
            self.ask(ray_node)
            return False
        del self._asked[ray_node]
        return True
