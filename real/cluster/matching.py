"""Which Ray node is which node of the scenario: by its label or its address, else by GPU type and
size."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NewType

import numpy as np

from hetsched.domain.cluster import ClusterSpec, Node, NodeId
from hetsched.errors import InputError, counted

NODE_LABEL = "hetsched-node"
"""The label with which a Ray node says which node of the scenario it is."""

ACCELERATOR_LABEL, ACCELERATOR_RESOURCE = "ray.io/accelerator-type", "accelerator_type:"
"""The label and the resource with which Ray gives the type of a node's GPUs."""

NO_FIT = 1e12

logger = logging.getLogger(__name__)

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

    1. Pairs that were `kept` stay as long as their Ray node is there.
    2. A Ray node with the label of a node is that node only.
    3. Ray nodes at an address are shared by the nodes of the scenario with that address.
    4. Any other node gets a Ray node of its GPU type that is large enough and is no other node. The
       choice gives as many nodes as possible a Ray node, and leaves as little as possible unused.

    Logs a warning for a new pair whose GPUs are of different types.
    """
    there = {ray_node.id: ray_node for ray_node in ray_nodes}
    found = {node: ray_node for node, ray_node in (kept or {}).items() if ray_node in there}
    found |= _by_label([node for node in cluster if node.id not in found], ray_nodes)
    found |= _by_address(cluster, ray_nodes, found)
    found |= _by_size(cluster, ray_nodes, found)
    for node in cluster:
        if node.id in found and node.id not in (kept or {}):
            _warn_of_type(node, there[found[node.id]])
    return found


def _by_label(nodes: Sequence[Node], ray_nodes: Sequence[RayNode]) -> dict[NodeId, RayNodeId]:
    """The first Ray node with the label of each node that is large enough for the node."""
    found: dict[NodeId, RayNodeId] = {}
    for node in nodes:
        for ray_node in ray_nodes:
            if ray_node.label == node.id and ray_node.holds(node.cores, node.gpus):
                found.setdefault(node.id, ray_node.id)
    return found


def _by_address(
    cluster: ClusterSpec, ray_nodes: Sequence[RayNode], matched: Mapping[NodeId, RayNodeId]
) -> dict[NodeId, RayNodeId]:
    """The Ray node at the address of each node that has an address and neither a Ray node nor a
    label. Large nodes choose first. A node chooses the Ray node of its GPU type that has the least
    left over."""
    named = {node.id for node in cluster}
    labels = {ray_node.label for ray_node in ray_nodes}
    everywhere, found = dict(matched), dict[NodeId, RayNodeId]()
    for node in sorted(cluster, key=lambda node: (node.gpus, node.cores), reverse=True):
        if node.id in matched or node.id in labels or node.address is None:
            continue
        choice = []
        for number, ray_node in enumerate(ray_nodes):
            users = [other for other in cluster if everywhere.get(other.id) == ray_node.id]
            is_shared = all(other.address == node.address for other in users)
            if ray_node.address != node.address or ray_node.label in named or not is_shared:
                continue
            cores = ray_node.cores - sum(other.cores for other in users) - node.cores
            gpus = ray_node.gpus - sum(other.gpus for other in users) - node.gpus
            if cores >= 0 and gpus >= 0:
                choice.append((_is_other_type(node, ray_node), gpus, cores, number))
        if choice:
            everywhere[node.id] = found[node.id] = ray_nodes[min(choice)[-1]].id
    return found


def _by_size(
    cluster: ClusterSpec, ray_nodes: Sequence[RayNode], matched: Mapping[NodeId, RayNodeId]
) -> dict[NodeId, RayNodeId]:
    """The Ray node of each node that has no address. The Ray nodes at an address of a node that
    lacks a Ray node wait for that node."""
    open_nodes = [node for node in cluster if node.id not in matched and node.address is None]
    waited_for = {node.address for node in cluster if node.id not in matched}
    taken = set(matched.values())
    free = [
        ray_node
        for ray_node in ray_nodes
        if ray_node.id not in taken and ray_node.label is None and ray_node.address not in waited_for
    ]
    found: dict[NodeId, RayNodeId] = {}
    if open_nodes and free:
        from scipy.optimize import linear_sum_assignment  # half a second to import, which actors do without

        costs = np.array([[_left_over(node, ray_node) for ray_node in free] for node in open_nodes])
        for row, column in zip(*linear_sum_assignment(costs), strict=True):
            if costs[row, column] < NO_FIT:
                found[open_nodes[row].id] = free[column].id
    return found


def match_all(cluster: ClusterSpec, ray_nodes: list[RayNode], some_may_lack: bool = False) -> dict[NodeId, RayNodeId]:
    """The Ray node of every node of the scenario. Raises InputError that says which nodes have
    none, and why.

    With `some_may_lack` a warning names the nodes that have none, if at least one node has one.
    """
    _check_labels(cluster, ray_nodes)
    found = match(cluster, ray_nodes)
    missing = [node for node in cluster if node.id not in found]
    if missing and some_may_lack and found:
        absent = ", ".join(node.id for node in missing)
        logger.warning(
            "going on without %s, which the cluster does not have (yet): it joins when it is started with "
            "'ray start --address=HEAD:6379 --labels %s=NAME'",
            absent,
            NODE_LABEL,
        )
    elif missing:
        lacking = "; ".join(_lack(node, cluster, ray_nodes) for node in missing)
        raise InputError(
            f"cluster.nodes: {lacking}. Ray nodes found: {', '.join(map(str, ray_nodes)) or 'none'}. Start what is "
            f"missing with 'ray start --address=HEAD:6379 --labels {NODE_LABEL}=NAME', or change the scenario"
        )
    return found


def _check_labels(cluster: ClusterSpec, ray_nodes: Sequence[RayNode]) -> None:
    """Raise InputError if several Ray nodes say that they are the same node of the scenario."""
    for node in cluster:
        same = [ray_node for ray_node in ray_nodes if ray_node.label == node.id]
        if len(same) > 1:
            raise InputError(f"cluster.nodes: {given_twice(node.id, same)}")


def given_twice(label: str, same: Sequence[RayNode]) -> str:
    """A phrase that names the Ray nodes with one label, and what to do about them."""
    listed = " and ".join(f"{ray_node}, id {ray_node.id[:8]}" for ray_node in same)
    return (
        f"{len(same)} Ray nodes have the label {NODE_LABEL}={label}: {listed}; expected one: "
        "stop the others, or start them with labels of their own"
    )


def _is_other_type(node: Node, ray_node: RayNode) -> bool:
    """Whether Ray says that the GPUs are of a type that the node does not have."""
    types = {gpu.type.lower() for gpu in node.each_gpu}
    return bool(types) and ray_node.gpu_type is not None and ray_node.gpu_type.lower() not in types


def _warn_of_type(node: Node, ray_node: RayNode) -> None:
    """A node with a pace is meant to be other hardware than it says."""
    if _is_other_type(node, ray_node) and node.pace is None:
        logger.warning(
            "cluster.nodes: %r has %s, and Ray says that its GPUs are %s (Ray node %s): the log will say %s; "
            "correct gpu_type, or the label or address",
            node.id,
            node.gpus_in_words,
            ray_node.gpu_type,
            ray_node,
            node.gpus_in_words,
        )


def _left_over(node: Node, ray_node: RayNode) -> float:
    """What the node would leave unused of the Ray node. GPUs count first."""
    if not ray_node.holds(node.cores, node.gpus):
        return NO_FIT
    if node.gpus and (ray_node.gpu_type or "").lower() != (node.gpu_type or "").lower():
        return NO_FIT
    return 1e6 * (ray_node.gpus - node.gpus) + ray_node.cores - node.cores


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
