"""The nodes of a scenario with `cluster = "discover"`: the nodes of a running Ray cluster."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hetsched.errors import InputError
from real.cluster import ray_cluster
from real.cluster.matching import ACCELERATOR_LABEL, RayNode, RayNodeId, alive, given_twice
from real.ray_internals import ray_itself
from real.resources.gpus import Gpus

ANSWER_S = 60.0
"""How many seconds a node may take to answer with the names of its GPUs."""

GpuNames = Mapping[RayNodeId, Sequence[str]]


def discover(address: str) -> list[dict[str, Any]]:
    """The nodes of the Ray cluster at this address, in the form of the scenario's `cluster.nodes`.

    Raises InputError if the cluster cannot be joined, has no cores, or does not know the type of
    its GPUs.
    """
    ray_cluster.join(address)
    ray_nodes = alive(ray.nodes())
    return tables(ray_nodes, _gpu_names([ray_node.id for ray_node in ray_nodes if ray_node.gpus > 1]))


def _names_here() -> list[str]:
    return Gpus().names()


def _gpu_names(ray_nodes: list[RayNodeId]) -> dict[RayNodeId, list[str]]:
    """The drivers' names for the GPUs of these nodes. A node that does not answer is missing."""
    task: Any = ray.remote(_names_here)
    asked = {
        task.options(
            num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
        ).remote(): node
        for node in ray_nodes
    }
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S) if asked else ([], [])
    found = {}
    for answer in answered:
        try:
            found[asked[answer]] = ray.get(answer)
        except RayError:  # then the node is of the type that Ray says
            continue
    return found


def _gpu_counts(ray_node: RayNode, names: Sequence[str]) -> dict[str, int]:
    """How many GPUs of each type a node has, if they are of several types. Otherwise empty.

    Ray knows only the type of a node's first GPU. A driver lists all GPUs of its host. They belong
    to the node if their number is the same.
    """
    types = [ray_itself.accelerator_type(name) for name in names]
    if len(types) != ray_node.gpus or len(set(types)) < 2:
        return {}
    return dict(Counter(kind.lower() for kind in types if kind is not None))


def tables(ray_nodes: list[RayNode], gpu_names: GpuNames = MappingProxyType({})) -> list[dict[str, Any]]:
    """A table for each Ray node that has cores, in the order of their names. Heads often have none.

    The name of a node is its label, its host or its address: the first that no other node has. A
    label goes before a host, and a host before an address. Raises InputError for GPUs of unknown
    type, for nodes that only a label tells apart that several nodes have, and if there is no node.
    """
    serving = [ray_node for ray_node in ray_nodes if ray_node.cores]
    if not serving:
        listed = ", ".join(map(str, ray_nodes)) or "none"
        raise InputError(f"cluster: no node of the Ray cluster has CPUs: {listed}; run 'ray start --num-cpus N'")
    addresses = Counter(ray_node.address for ray_node in serving)
    names, found = _names(serving, ray_nodes), []
    for ray_node in serving:
        own_address = ray_node.address if addresses[ray_node.address] == 1 else None
        table: dict[str, Any] = {"name": names[ray_node.id], "cores": ray_node.cores}
        if counts := _gpu_counts(ray_node, gpu_names.get(ray_node.id, ())):
            table |= {"gpus": counts}
        elif ray_node.gpus:
            if ray_node.gpu_type is None:
                raise InputError(
                    f"cluster: Ray does not know the GPU type of {ray_node}: start that node with 'ray start --labels "
                    f"{ACCELERATOR_LABEL}=TYPE', TYPE as the profile has it, or list the nodes in the scenario"
                )
            table |= {"gpus": ray_node.gpus, "gpu_type": ray_node.gpu_type.lower()}
        found.append(table | ({"address": own_address} if own_address and ray_node.label != table["name"] else {}))
    return sorted(found, key=lambda table: str(table["name"]))


def _names(serving: Sequence[RayNode], ray_nodes: Sequence[RayNode]) -> dict[RayNodeId, str]:
    """The names of the nodes that serve. `ray_nodes` are all nodes: each may have a label."""
    labels = Counter(ray_node.label for ray_node in ray_nodes)
    hosts = Counter(ray_node.host for ray_node in serving)
    addresses = Counter(ray_node.address for ray_node in serving)
    names = {}
    for ray_node in serving:
        label, host, address = ray_node.label, ray_node.host, ray_node.address
        if label and labels[label] == 1:
            names[ray_node.id] = label
        elif hosts[host] == 1 and host not in labels:
            names[ray_node.id] = host
        elif addresses[address] == 1 and address not in labels and address not in hosts:
            names[ray_node.id] = address
        elif label:
            same = [other for other in ray_nodes if other.label == label]
            raise InputError(f"cluster: {given_twice(label, same)}")
        else:
            names[ray_node.id] = f"{address}-{ray_node.id[:8]}"
    return names
