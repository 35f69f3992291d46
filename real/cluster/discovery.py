"""The nodes of a scenario with `cluster = "discover"`: those of a Ray cluster that runs."""

from collections import Counter
from typing import Any

import ray

from hetsched.errors import InputError
from real.cluster import ray_cluster
from real.cluster.matching import ACCELERATOR_LABEL, RayNode, alive


def discover(address: str) -> list[dict[str, Any]]:
    """The nodes of the Ray cluster at this address, as a scenario lists them under `cluster.nodes`.

    Raises InputError if it cannot be joined, has no cores, or does not say of what type GPUs are.
    """
    ray_cluster.join(address)
    return tables(alive(ray.nodes()))


def tables(ray_nodes: list[RayNode]) -> list[dict[str, Any]]:
    """A table for each Ray node that has cores (heads often have none), in the order of their names.

    A node is called by its label, else by its host, else by its address, whichever is its own. Raises InputError for
    GPUs of unknown type, and if there is no node.
    """
    serving = [ray_node for ray_node in ray_nodes if ray_node.cores]
    if not serving:
        raise InputError(f"cluster: no node of the Ray cluster has CPUs: {', '.join(map(str, ray_nodes)) or 'none'}")
    hosts = Counter(ray_node.host for ray_node in serving)
    addresses = Counter(ray_node.address for ray_node in serving)
    found = []
    for ray_node in serving:
        own_address = ray_node.address if addresses[ray_node.address] == 1 else None
        own_host = ray_node.host if hosts[ray_node.host] == 1 else None
        table: dict[str, Any] = {
            "name": ray_node.label or own_host or own_address or f"{ray_node.address}-{ray_node.id[:8]}",
            "cores": ray_node.cores,
        }
        if ray_node.gpus:
            if ray_node.gpu_type is None:
                raise InputError(
                    f"cluster: Ray does not know the GPU type of {ray_node}: start that node with 'ray start --labels "
                    f"{ACCELERATOR_LABEL}=TYPE', TYPE as the profile has it, or list the nodes in the scenario"
                )
            table |= {"gpus": ray_node.gpus, "gpu_type": ray_node.gpu_type.lower()}
        found.append(table | ({"address": own_address} if own_address and ray_node.label is None else {}))
    return sorted(found, key=lambda table: str(table["name"]))
