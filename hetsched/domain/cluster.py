"""Machines: nodes, and the workers that an allocation policy cuts them into."""

from collections.abc import Iterator
from typing import NamedTuple, NewType

from msgspec import Struct

NodeId = NewType("NodeId", str)
WorkerId = NewType("WorkerId", str)
DeviceType = str
"""`cpu` or a GPU type such as `v100`: the key under which step times are profiled."""

CPU: DeviceType = "cpu"


class Node(Struct, frozen=True):
    """A machine: `cores` CPU cores and `gpus` GPUs of one type.

    A node with a `pace` is declared slower than it is: every iteration on it takes `pace` times the profile's
    time for its device (a real run waits for the rest), so that one machine can stand in for unequal ones.
    `price_per_h` is what it costs per hour, in units of currency (None: nothing).
    """

    id: NodeId
    cores: int
    gpus: int = 0
    gpu_type: DeviceType | None = None
    pace: float | None = None
    address: str | None = None
    price_per_h: float | None = None


class WorkerType(NamedTuple):
    """What decides how fast a worker is: workers of one type have the same step times.

    `cores` is 0 for GPUs, whose host cores do not change their speed in the profile.
    """

    device: DeviceType
    cores: int
    gpu_share: float
    pace: float | None = None

    def gang(self, workers: int) -> "WorkerType":
        """So many workers of this type that train one trial together, as profiles name them."""
        return self if workers == 1 else self._replace(cores=self.cores * workers, gpu_share=self.gpu_share * workers)

    def __str__(self) -> str:
        share = "" if self.gpu_share == 1 else f"{self.gpu_share:g} "
        name = f"{self.cores} cpu" if self.device == CPU else f"{share}{self.device}"
        return name if self.pace is None else f"{name}, paced x{self.pace:g}"


class Worker(Struct, frozen=True):
    """A slice of one node that trains one trial at a time.

    A CPU worker has `cores` cores and no GPU; a GPU worker has `gpu_share` of one GPU and the host cores
    that feed it.
    """

    id: WorkerId
    node: NodeId
    device: DeviceType
    cores: int
    gpu_share: float = 0.0
    pace: float | None = None

    @property
    def type(self) -> WorkerType:
        return WorkerType(self.device, self.cores if self.device == CPU else 0, self.gpu_share, self.pace)


class ClusterSpec(Struct, frozen=True):
    """The nodes of a cluster, in the order in which the scenario lists them."""

    nodes: tuple[Node, ...]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)


def cpu_worker(node: Node, number: int, cores: int) -> Worker:
    """The `number`-th CPU worker of a node."""
    return Worker(WorkerId(f"{node.id}/cpu{number}"), node.id, CPU, cores, 0.0, node.pace)


def cpu_workers(node: Node, cores: int, per_worker: int | None) -> list[Worker]:
    """So many cores of a node as workers of `per_worker` cores each, as far as they go; None: as one worker."""
    size = per_worker or cores
    return [cpu_worker(node, number, size) for number in range(cores // size if size else 0)]


def gpu_worker(node: Node, number: int, cores: int, share: float = 1.0, part: int | None = None) -> Worker:
    """The worker on the `number`-th GPU of a node (or the `part`-th worker of several that share it), with `cores` host
    cores to feed it."""
    assert node.gpu_type is not None
    place = f"gpu{number}" if part is None else f"gpu{number}.{part}"
    return Worker(WorkerId(f"{node.id}/{place}"), node.id, node.gpu_type, cores, share, node.pace)


def gpu_workers(node: Node, per_gpu: int = 1, share: float = 1.0) -> list[Worker]:
    """The GPUs of a node as workers, `per_gpu` of that share on each. Every worker keeps one core of the node to feed
    it, as far as there are cores."""
    places = [(gpu, part if per_gpu > 1 else None) for gpu in range(node.gpus) for part in range(per_gpu)]
    return [
        gpu_worker(node, gpu, cores=1 if number < node.cores else 0, share=share, part=part)
        for number, (gpu, part) in enumerate(places)
    ]
