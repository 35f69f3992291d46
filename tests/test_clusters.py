"""Any cluster: which Ray node stands for which node of the scenario."""

from typing import Any

import pytest

from hetsched.cluster import ClusterSpec, Node, NodeId
from hetsched.errors import InputError
from real.matching import NODE_LABEL, RayNode, RayNodeId, alive, match, match_all


def ray_node(
    host: int, cores: int, gpus: int = 0, gpu_type: str | None = None, label: str | None = None, up: bool = True
) -> dict[str, Any]:
    """A node as `ray.nodes()` has it."""
    resources: dict[str, float] = {"memory": 1e9, f"node:10.0.0.{host}": 1.0}
    resources |= {"CPU": float(cores)} if cores else {}
    resources |= {"GPU": float(gpus)} if gpus else {}
    resources |= {f"accelerator_type:{gpu_type}": 1.0} if gpu_type else {}
    labels = {"ray.io/node-id": f"id{host}"} | ({NODE_LABEL: label} if label else {})
    return {
        "NodeID": f"id{host}",
        "Alive": up,
        "NodeManagerAddress": f"10.0.0.{host}",
        "Resources": resources,
        "Labels": labels,
    }


def node(name: str, cores: int, gpus: int = 0, gpu_type: str | None = None, address: str | None = None) -> Node:
    return Node(NodeId(name), cores, gpus, gpu_type, address=address)


HEAD = ray_node(1, 0)


def test_what_ray_says_of_its_nodes() -> None:
    labelled = ray_node(3, 8, 2)
    labelled["Labels"]["ray.io/accelerator-type"] = "T4"
    found = alive([HEAD, ray_node(2, 4, 1, "A100", "a"), labelled, ray_node(4, 4, up=False)])
    assert found == [
        RayNode(RayNodeId("id1"), "10.0.0.1", None, 0, 0, None),
        RayNode(RayNodeId("id2"), "10.0.0.2", "a", 4, 1, "A100"),
        RayNode(RayNodeId("id3"), "10.0.0.3", None, 8, 2, "T4"),
    ]


def test_label_goes_before_address_and_address_before_size() -> None:
    cluster = ClusterSpec((node("a", 1, address="10.0.0.3"), node("b", 1, address="10.0.0.3"), node("c", 1)))
    found = match(cluster, alive([HEAD, ray_node(2, 8, label="a"), ray_node(3, 1), ray_node(4, 64)]))
    assert found == {"a": "id2", "b": "id3", "c": "id4"}


def test_nodes_are_matched_by_gpu_type_and_size() -> None:
    """Each takes what fits it, so that none is left without: the first in the list would fit the small ones, too."""
    cluster = ClusterSpec((node("t", 4, 1, "t4"), node("s", 2), node("v", 4, 2, "v100"), node("l", 16)))
    there = [ray_node(5, 8, 1, "V100"), ray_node(2, 16), HEAD, ray_node(3, 8, 2, "V100"), ray_node(4, 4, 1, "T4")]
    assert match(cluster, alive(there)) == {"t": "id4", "v": "id3", "l": "id2", "s": "id5"}


def test_a_ray_node_stands_for_one_node_unless_they_share_its_address() -> None:
    there = alive([ray_node(2, 4)])
    assert len(match(ClusterSpec((node("a", 2), node("b", 2))), there)) == 1
    shared = ClusterSpec((node("a", 2, address="10.0.0.2"), node("b", 2, address="10.0.0.2")))
    assert match(shared, there) == {"a": "id2", "b": "id2"}
    with pytest.raises(InputError, match="'b' needs 2 CPUs, and its address has too few for 'a' and 'b'"):
        match_all(shared, alive([ray_node(2, 3)]))


def test_a_node_keeps_its_ray_node_while_that_is_there() -> None:
    cluster = ClusterSpec((node("a", 1), node("b", 1)))
    both = alive([ray_node(2, 4), ray_node(3, 8)])
    kept = {NodeId("a"): RayNodeId("id3"), NodeId("b"): RayNodeId("id2")}
    assert match(cluster, both, kept) == kept
    assert match(cluster, both[1:], kept) == {"a": "id3"}
    assert match(cluster, alive([ray_node(3, 8), ray_node(4, 2)]), kept) == {"a": "id3", "b": "id4"}


def test_a_mismatch_says_what_lacks() -> None:
    cluster = ClusterSpec((node("a", 8, 1, "a100"), node("b", 4, 2, "t4"), node("c", 1, address="10.0.0.9")))
    with pytest.raises(InputError) as raised:
        match_all(cluster, alive([HEAD, ray_node(3, 8, 1, "A100"), ray_node(4, 2, label="c")][:2]))
    message = str(raised.value)
    assert "'a' needs" not in message
    assert "'b' needs 4 CPUs and 2 t4 GPUs, and no Ray node that is free is as large and of that type" in message
    assert "'c' needs 1 CPUs, and no Ray node has the label hetsched-node=c or the address 10.0.0.9" in message
    assert "Ray nodes found: 10.0.0.1 (0 CPUs), 10.0.0.3 (8 CPUs, 1 A100)" in message
