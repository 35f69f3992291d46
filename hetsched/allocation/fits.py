"""Whether the workers of an allocation policy fit the nodes."""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import UNSET
from msgspec.structs import astuple, replace

from hetsched.domain.cluster import CPU, ClusterSpec, Node, NodeId, Worker, WorkerId
from hetsched.domain.names import EXPECTED, has_control
from hetsched.domain.plain import plain
from hetsched.errors import PolicyError, counted

ROUNDING = 1e-9
"""The sum of shares may exceed a whole GPU by this."""


def no_workers(returned: object) -> str:
    """An error message for what `workers` returned, which is not iterable.

    >>> no_workers(None)
    'workers returned None, expected a list of Worker: did it forget return?'
    """
    forgot = "did it forget return?" if returned is None else "put it in a list"
    return f"workers returned {returned!r}, expected a list of Worker: {forgot}"


def check_allocation(name: str, cluster: ClusterSpec, workers: Iterable[Worker]) -> list[Worker]:
    """The workers, with Python's own values. Raises PolicyError, naming the policy, if they overlap
    or do not fit their nodes."""
    nodes = {node.id: node for node in cluster}
    of_node: dict[NodeId, list[Worker]] = {node: [] for node in nodes}
    checked: dict[WorkerId, Worker] = {}
    for given in workers:
        if not isinstance(given, Worker):
            raise PolicyError(f"allocation policy {name!r} returned {given!r}: expected a Worker")
        worker = Worker(*map(plain, astuple(given)))
        if reason := _mistyped(worker) or _misfit(worker, nodes.get(worker.node)):
            raise PolicyError(f"allocation policy {name!r}: worker {worker.id!r} {reason}")
        worker = _with_memory(worker, nodes[worker.node])
        if worker.id in checked:
            twice = f"worker {worker.id!r} appears twice: expected one worker per id"
            raise PolicyError(f"allocation policy {name!r}: {twice}")
        checked[worker.id] = worker
        of_node[worker.node].append(worker)
    if not checked:
        raise PolicyError(
            f"allocation policy {name!r} made no workers: expected at least one: no trial could run otherwise"
        )
    for node, here in of_node.items():
        if reason := _overcrowded(nodes[node], here):
            raise PolicyError(f"allocation policy {name!r}: the workers of {node} need {reason}")
    return list(checked.values())


def _mistyped(worker: Worker) -> str | None:
    """A field of a worker that has a wrong type. None: there is none."""
    for field in ("id", "node", "device"):
        if not isinstance(value := getattr(worker, field), str) or not value:
            return f"has the {field} {value!r}: expected a text"
        if has_control(value):
            return f"has the {field} {value!r}: {EXPECTED}"
    if type(worker.cores) is not int:
        return f"has {worker.cores!r} cores: expected a whole number"
    if type(worker.gpu_share) not in (int, float):
        return f"has the GPU share {worker.gpu_share!r}: expected a number"
    return None


def _misfit(worker: Worker, node: Node | None) -> str | None:
    """Why a worker cannot be a slice of its node. None: it can."""
    if node is None:
        return f"is on an unknown node {worker.node!r}: expected the id of a node of the cluster"
    if worker.device != CPU and all(worker.device != gpu.type for gpu in node.each_gpu):
        return f"is a {worker.device!r}, which {node.id} does not have: expected cpu or a type of its GPUs"
    if worker.pace != node.pace:
        return f"has a pace of {worker.pace}: expected the pace of its node, {node.pace}"
    if worker.cores < (1 if worker.device == CPU else 0):
        return f"has {counted(worker.cores, 'core')}: expected at least {1 if worker.device == CPU else 0}"
    if (worker.gpu_share != 0) if worker.device == CPU else not 0 < worker.gpu_share <= 1:
        return f"has a GPU share of {worker.gpu_share:g}: expected 0 for cpu, else above 0 and at most 1"
    return None


def _overcrowded(node: Node, workers: Sequence[Worker]) -> str | None:
    """What these workers need beyond what the node has. None: they fit."""
    cores = sum(worker.cores for worker in workers)
    types = Counter(gpu.type for gpu in node.each_gpu)
    for device, gpus in types.items():
        shares = [worker.gpu_share for worker in workers if worker.device == device]
        of = f"{device} " if len(types) > 1 else ""
        if sum(shares) > gpus + ROUNDING:
            return f"{counted(cores, 'core')} and {sum(shares):g} of its {of}GPUs, it has {node.cores} and {gpus}"
        if not (_fit(shares, gpus) or _fit(sorted(shares, reverse=True), gpus)):
            listed = ", ".join(f"{share:g}" for share in sorted(shares, reverse=True))
            placed = f"{counted(gpus, 'GPU')} cannot have each of them on one, filled in the order of the workers"
            return f"the shares {listed} of its {of}GPUs, and {placed}"
    if cores > node.cores:
        shared = sum(worker.gpu_share for worker in workers)
        return f"{counted(cores, 'core')} and {shared:g} of its GPUs, it has {node.cores} and {node.gpus}"
    return None


def _with_memory(worker: Worker, node: Node) -> Worker:
    """The worker with the memory of its GPU, whatever memory the policy gave it."""
    sizes = (gpu.memory_gib for gpu in node.each_gpu if gpu.type == worker.device)
    memory = next(sizes, None)
    return replace(worker, gpu_memory_gib=UNSET if memory is None else memory)


def _fit(shares: Sequence[float], gpus: int) -> bool:
    """Whether every share finds room if each goes to the first GPU that has room for it."""
    room: list[float] = []  # of the GPUs that are partly used
    for share in shares:
        place = next((number for number, left in enumerate(room) if left >= share - ROUNDING), None)
        if place is None:
            gpus -= 1
            room.append(1.0)
            place = len(room) - 1
        room[place] -= share
        if room[place] <= ROUNDING:
            del room[place]
    return gpus >= 0
