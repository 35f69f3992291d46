"""What nodes cost, in the scenario's unit of currency."""

from collections.abc import Callable, Mapping

from hetsched.domain.cluster import ClusterSpec, NodeId

HOUR_S = 3600.0

ROUNDING = 1e-9
"""A cost may exceed the budget by this share of it, so that rounding does not exceed a budget that
is spent in full."""


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


def within_budget(spent: float, budget: float) -> bool:
    """Whether what was spent is within the budget, apart from rounding.

    >>> within_budget(0.1 + 0.2, 0.3), within_budget(0.31, 0.3)
    (True, False)
    """
    return spent <= budget * (1 + ROUNDING)
