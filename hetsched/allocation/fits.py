"""Whether the workers of an allocation policy fit the nodes."""

from collections.abc import Iterable

from hetsched.domain.cluster import CPU, ClusterSpec, Node, Worker
from hetsched.errors import PolicyError, counted


def no_workers(returned: object) -> str:
    """What is wrong with what `workers` returned, which cannot be iterated over.

    >>> no_workers(None)
    'workers returned None, expected a list of Worker: did it forget return?'
    """
    forgot = "did it forget return?" if returned is None else "put it in a list"
    return f"workers returned {returned!r}, expected a list of Worker: {forgot}"


def check_allocation(name: str, cluster: ClusterSpec, workers: Iterable[Worker]) -> None:
    """Raise PolicyError, naming the policy, if workers overlap or do not fit their nodes."""
    nodes = {node.id: node for node in cluster}
    cores = dict.fromkeys(nodes, 0)
    shares = dict.fromkeys(nodes, 0.0)
    seen = set()
    for worker in workers:
        if not isinstance(worker, Worker):
            raise PolicyError(f"allocation policy {name!r} returned {worker!r}: expected a Worker")
        if reason := _misfit(worker, nodes.get(worker.node)):
            raise PolicyError(f"allocation policy {name!r}: worker {worker.id!r} {reason}")
        if worker.id in seen:
            raise PolicyError(f"allocation policy {name!r}: worker {worker.id!r} appears twice")
        seen.add(worker.id)
        node = nodes[worker.node]
        cores[node.id] += worker.cores
        shares[node.id] += worker.gpu_share
        if cores[node.id] > node.cores or shares[node.id] > node.gpus + 1e-9:
            raise PolicyError(
                f"allocation policy {name!r}: the workers of {node.id} need {counted(cores[node.id], 'core')} and "
                f"{shares[node.id]:g} of its GPUs, it has {node.cores} and {node.gpus}"
            )
    if not seen:
        raise PolicyError(f"allocation policy {name!r} made no workers: no trial could ever run")


def _misfit(worker: Worker, node: Node | None) -> str | None:
    """Why a worker cannot be a slice of its node; None if it can."""
    if node is None:
        return f"is on an unknown node {worker.node!r}"
    if worker.device not in (CPU, node.gpu_type):
        return f"is a {worker.device!r}, which {node.id} does not have"
    if worker.pace != node.pace:
        return f"has a pace of {worker.pace}, its node one of {node.pace}"
    if worker.cores < (1 if worker.device == CPU else 0):
        return f"has {counted(worker.cores, 'core')}"
    if (worker.gpu_share != 0) if worker.device == CPU else not 0 < worker.gpu_share <= 1:
        return f"has a GPU share of {worker.gpu_share:g}: expected 0 for cpu, else above 0 and at most 1"
    return None
