"""Checks that the tables of a scenario fit its nodes."""

from collections.abc import Collection

from hetsched.domain.cluster import WorkerId
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, nearest
from hetsched.scenario.cluster_tables import ClusterTable
from hetsched.scenario.tables import FaultsTable, MetricsTable


def check_faulty_nodes(cluster: ClusterTable, faults: FaultsTable) -> None:
    """Raise ValueError if faults name a node that the cluster lacks."""
    names = [name for node in cluster.nodes for name in node.names()]
    spot = faults.spot
    planned = [fault.node or (fault.worker or "").partition("/")[0] for fault in faults.planned]
    of_keys = {"late": list(faults.late), "spot.nodes": (spot.nodes if spot else None) or [], "planned": planned}
    for key, nodes in of_keys.items():
        for node in nodes:
            if node not in names:
                raise ValueError(f"faults.{key}: the cluster has no node {node!r}: {nearest(node, names)}")


def check_faulty_workers(strategy: Strategy, workers: Collection[WorkerId], faults: FaultsTable) -> None:
    """Raise InputError if faults name a worker that is not among the strategy's workers."""
    for fault in faults.planned:
        if fault.worker is not None and fault.worker not in workers:
            raise InputError(
                f"faults.planned: {strategy} has no worker {fault.worker!r}: {nearest(fault.worker, workers)}"
            )


def check_budget(cluster: ClusterTable, metrics: MetricsTable) -> None:
    """Raise ValueError if the scenario has a budget and no node has a price."""
    if metrics.budget is not None and all(node.price_per_h is None for node in cluster.nodes):
        raise ValueError(
            "metrics.budget: no node has a price, so that nothing is ever spent: give nodes a price_per_h, or set "
            "metrics.deadline_s"
        )
