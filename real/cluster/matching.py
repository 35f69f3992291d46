"""Which Ray node is which node of the scenario: by its label or its address, else by GPU type and
size."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NewType

import numpy as np

from hetsched.domain.cluster import ClusterSpec, Node, NodeId
from hetsched.errors import InputError, counted

NODE_LABEL = "hetsched-node"
"""The label with which a Ray node says which node of the scenario it is."""

ACCELERATOR_LABEL, ACCELERATOR_RESOURCE = "ray.io/accelerator-type", "accelerator_type:"
"""The label and the resource with which Ray gives the type of a node's GPUs."""

NO_FIT = 1e12

RayNodeId = NewType("RayNodeId", str)


class RayNode(NamedTuple):
    """What Ray knows of one of its nodes. `gpu_type` is in Ray's spelling (None: Ray does not know
    it)."""

    id: RayNodeId
    address: str
    host: str
    label: str | None
    cores: int
    gpus: int
    gpu_type: str | None

    def __str__(self) -> str:
        gpus = f", {self.gpus} {self.gpu_type or 'GPU of unknown type'}" if self.gpus else ""
        label = f", label {self.label}" if self.label else ""
        return f"{self.address} ({counted(self.cores, 'CPU')}{gpus}{label})"

    def holds(self, cores: int, gpus: int) -> bool:
        """Whether it has that many cores and GPUs. A worker that does not fit would wait
        forever."""
        return self.cores >= cores and self.gpus >= gpus


def alive(nodes: Iterable[Mapping[str, Any]]) -> list[RayNode]:
    """The nodes that are alive, of the output of `ray.nodes()`."""
    found = []
    for node in nodes:
        if not node["Alive"]:
            continue
        resources, labels = node["Resources"], node["Labels"]
        types = [name.removeprefix(ACCELERATOR_RESOURCE) for name in resources if name.startswith(ACCELERATOR_RESOURCE)]
        found.append(
            RayNode(
                RayNodeId(node["NodeID"]),
                node["NodeManagerAddress"],
                node["NodeManagerHostname"],
                labels.get(NODE_LABEL),
                int(resources.get("CPU", 0)),
                int(resources.get("GPU", 0)),
                labels.get(ACCELERATOR_LABEL) or next(iter(types), None),
            )
        )
    return found


def match(
    cluster: ClusterSpec, ray_nodes: list[RayNode], kept: Mapping[NodeId, RayNodeId] | None = None
) -> dict[NodeId, RayNodeId]:
    """The Ray node of each node of the scenario that has one.

    1. A Ray node with the label is that node of the scenario only.
    2. A Ray node at a node's address is all nodes of the scenario with that address.
    3. Any other node gets a Ray node of its GPU type that is large enough and is no other node. The choice gives as
    many
       nodes as possible a Ray node, and leaves as little as possible unused.

    Pairs that were `kept` stay as long as their Ray node is there.
    """
    there = {ray_node.id for ray_node in ray_nodes}
    found = {node: ray_node for node, ray_node in (kept or {}).items() if ray_node in there}
    by_label = {ray_node.label: ray_node for ray_node in ray_nodes if ray_node.label is not None}
    named = {node.id for node in cluster}
    unnamed = [ray_node for ray_node in ray_nodes if ray_node.label not in named]
    by_address = {ray_node.address: ray_node for ray_node in sorted(unnamed, key=lambda ray_node: ray_node.cores)}
    for node in cluster:
        told = by_label.get(node.id) or by_address.get(node.address or "")
        if told is not None:
            found.setdefault(node.id, told.id)
    needed = _needed(cluster, found)
    large_enough = {ray_node.id for ray_node in ray_nodes if ray_node.holds(*needed.get(ray_node.id, (0, 0)))}
    open_nodes = [node for node in cluster if node.id not in found and node.address is None]
    taken = set(found.values())
    free = [ray_node for ray_node in ray_nodes if ray_node.id not in taken and ray_node.label is None]
    found = {node: ray_node for node, ray_node in found.items() if ray_node in large_enough}
    if open_nodes and free:
        from scipy.optimize import linear_sum_assignment  # half a second to import, which actors do without

        costs = np.array([[_left_over(node, ray_node) for ray_node in free] for node in open_nodes])
        for row, column in zip(*linear_sum_assignment(costs), strict=True):
            if costs[row, column] < NO_FIT:
                found[open_nodes[row].id] = free[column].id
    return found


def match_all(cluster: ClusterSpec, ray_nodes: list[RayNode]) -> dict[NodeId, RayNodeId]:
    """The Ray node of every node of the scenario. Raises InputError that says which nodes have
    none, and why."""
    found = match(cluster, ray_nodes)
    missing = [node for node in cluster if node.id not in found]
    if missing:
        lacking = "; ".join(_lack(node, cluster, ray_nodes) for node in missing)
        raise InputError(
            f"cluster.nodes: {lacking}. Ray nodes found: {', '.join(map(str, ray_nodes)) or 'none'}. Start what is "
            f"missing with 'ray start --address=HEAD:6379 --labels {NODE_LABEL}=NAME', or change the scenario"
        )
    return found


def _left_over(node: Node, ray_node: RayNode) -> float:
    """What the node would leave unused of the Ray node. GPUs count first."""
    if not ray_node.holds(node.cores, node.gpus):
        return NO_FIT
    if node.gpus and (ray_node.gpu_type or "").lower() != (node.gpu_type or "").lower():
        return NO_FIT
    return 1e6 * (ray_node.gpus - node.gpus) + ray_node.cores - node.cores


def _needed(cluster: ClusterSpec, found: Mapping[NodeId, RayNodeId]) -> dict[RayNodeId, tuple[int, int]]:
    """The cores and GPUs that the nodes of the scenario need of each Ray node."""
    needed: dict[RayNodeId, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for node in cluster:
        if node.id in found:
            cores, gpus = needed[found[node.id]]
            needed[found[node.id]] = cores + node.cores, gpus + node.gpus
    return needed


def _lack(node: Node, cluster: ClusterSpec, ray_nodes: list[RayNode]) -> str:
    """Why the node has no Ray node."""
    needs = f"{node.id!r} needs {counted(node.cores, 'CPU')}"
    needs += f" and {counted(node.gpus, f'{node.gpu_type} GPU')}" if node.gpus else ""
    for ray_node in ray_nodes:
        if ray_node.label == node.id:
            return f"{needs}, its Ray node {ray_node} has too few"
    if node.address is None:
        return f"{needs}, and no Ray node that is free is as large and of that type, or has the label {node.id}"
    if all(ray_node.address != node.address for ray_node in ray_nodes):
        return f"{needs}, and no Ray node has the label {NODE_LABEL}={node.id} or the address {node.address}"
    together = [repr(other.id) for other in cluster if other.address == node.address]
    return f"{needs}, and its address has too few for {' and '.join(together)}"
