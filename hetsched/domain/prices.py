"""What nodes cost, in the scenario's unit of currency."""

from collections.abc import Callable, Mapping

from hetsched.domain.cluster import ClusterSpec, NodeId

HOUR_S = 3600.0


def prices_per_h(cluster: ClusterSpec) -> dict[NodeId, float]:
    """The prices per hour of the nodes that have a price. The others cost nothing."""
    return {node.id: node.price_per_h for node in cluster if node.price_per_h is not None}


def cost(per_h: Mapping[NodeId, float], seconds: Callable[[NodeId], float]) -> float:
    """The cost of nodes with these prices per hour. `seconds` says how long each node was in the
    cluster.

    >>> cost({NodeId("a"): 2.0, NodeId("b"): 0.5}, {"a": 1800.0, "b": 7200.0}.__getitem__)
    2.0
    """
    return sum(price * seconds(node) for node, price in per_h.items()) / HOUR_S
