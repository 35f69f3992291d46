"""What nodes cost, in the scenario's unit of currency."""

from collections.abc import Callable, Mapping

from hetsched.domain.cluster import ClusterSpec, NodeId

HOUR_S = 3600.0

ROUNDING = 1e-9
"""A cost may exceed the budget by this part of it: who spends all of it is within it."""


def prices_per_h(cluster: ClusterSpec) -> dict[NodeId, float]:
    """The prices per hour of the nodes that have one; the others cost nothing."""
    return {node.id: node.price_per_h for node in cluster if node.price_per_h is not None}


def cost(per_h: Mapping[NodeId, float], seconds: Callable[[NodeId], float]) -> float:
    """What nodes with these prices per hour cost that were in the cluster for so many seconds.

    >>> cost({NodeId("a"): 2.0, NodeId("b"): 0.5}, {"a": 1800.0, "b": 7200.0}.__getitem__)
    2.0
    """
    return sum(price * seconds(node) for node, price in per_h.items()) / HOUR_S


def within_budget(spent: float, budget: float) -> bool:
    """Whether what was spent is within the budget, but for rounding.

    >>> within_budget(0.1 + 0.2, 0.3), within_budget(0.31, 0.3)
    (True, False)
    """
    return spent <= budget * (1 + ROUNDING)
