"""Machines: nodes, and the workers that an allocation policy cuts them into."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple, NewType

from msgspec import UNSET, Struct, UnsetType

from hetsched.domain.limits import Count, Factor, Name, Share

NodeId = NewType("NodeId", Name)
WorkerId = NewType("WorkerId", Name)
DeviceType = Name
"""`cpu` or a GPU type such as `v100`: the key under which step times are profiled."""

CPU: DeviceType = "cpu"


class Gpu(NamedTuple):
    """One GPU of a node. `memory_gib` None: the scenario does not say it, and everything fits."""

    type: DeviceType
    memory_gib: float | None = None


class Node(Struct, frozen=True):
    """A machine: `cores` CPU cores and `gpus` GPUs of one type (`gpu_type`) or of several types.

    If there are several types, `gpu_type` is None, and `mixed` has each GPU in the order of their
    numbers.

    A node with a `pace` is declared slower than it is, so that one machine can act as unequal ones.
    Every iteration on it takes `pace` times the profile's time for its device. A real run waits for
    the difference. `price_per_h` is the node's price per hour, in units of currency (None:
    nothing).
    """

    id: NodeId
    cores: int
    gpus: int = 0
    gpu_type: DeviceType | None = None
    pace: float | None = None
    address: str | None = None
    gpu_memory_gib: float | None = None
    mixed: tuple[Gpu, ...] = ()
    price_per_h: float | None = None

    @property
    def each_gpu(self) -> tuple[Gpu, ...]:
        """Its GPUs, by their numbers."""
        if self.mixed or self.gpu_type is None:
            return self.mixed
        return (Gpu(self.gpu_type, self.gpu_memory_gib),) * self.gpus

    @property
    def gpus_in_words(self) -> str:
        """How many of which type.

        >>> Node(NodeId("n"), cores=8, gpus=3, mixed=(Gpu("v100"), Gpu("v100"), Gpu("t4"))).gpus_in_words
        '2 v100, 1 t4'
        """
        return ", ".join(f"{count} {kind}" for kind, count in Counter(gpu.type for gpu in self.each_gpu).items())


class WorkerType(NamedTuple):
    """What decides how fast a worker is. Workers of one type have the same step times.

    `cores` is 0 for GPU workers: in the profile, host cores do not change the speed of a GPU.
    `gpu_share` is 0 for CPU workers. `gpu_memory_gib` is the memory of the whole GPU, whatever the
    share (None: unknown).
    """

    device: DeviceType
    cores: int
    gpu_share: float
    pace: float | None = None
    gpu_memory_gib: float | None = None

    @property
    def memory_gib(self) -> float | None:
        """The memory in GiB that the worker has on a GPU: its share of the GPU's memory, at most all
        of it. None: unknown."""
        return None if self.gpu_memory_gib is None else self.gpu_memory_gib * min(1.0, self.gpu_share)

    @property
    def as_profiled(self) -> "WorkerType":
        """The type as profiles name it: without a pace and without the GPU's memory."""
        return self._replace(pace=None, gpu_memory_gib=None)

    def gang(self, workers: int) -> "WorkerType":
        """The type of a gang of this many workers, as profiles name it: the cores and the shares are
        sums over the workers."""
        if workers == 1:
            return self
        gang = self._replace(cores=self.cores * workers, gpu_share=self.gpu_share * workers)
        if self.gpu_memory_gib is None or self.gpu_share >= 1:
            return gang
        of_each = self.gpu_memory_gib * self.gpu_share / min(1.0, gang.gpu_share)
        return gang._replace(gpu_memory_gib=of_each)

    def __str__(self) -> str:
        share = "" if self.gpu_share == 1 else f"{self.gpu_share:g} "
        memory = "" if self.gpu_memory_gib is None else f" of {self.gpu_memory_gib:g} GiB"
        name = f"{self.cores} cpu" if self.device == CPU else f"{share}{self.device}{memory}"
        return name if self.pace is None else f"{name}, paced x{self.pace:g}"


class Worker(Struct, frozen=True):
    """A part of one node that trains one trial at a time.

    A CPU worker has `cores` cores and no share of a GPU. A GPU worker has the share `gpu_share` of
    one GPU, and `cores` cores of the node that feed the GPU. `pace` is the node's.
    `gpu_memory_gib` is the memory of the whole GPU. It is UNSET where it is unknown, so that logs
    leave it out.
    """

    id: WorkerId
    node: NodeId
    device: DeviceType
    cores: Count
    gpu_share: Share = 0.0
    pace: Factor | None = None
    gpu_memory_gib: Factor | UnsetType = UNSET

    @property
    def type(self) -> WorkerType:
        memory = None if self.gpu_memory_gib is UNSET else self.gpu_memory_gib
        return WorkerType(self.device, self.cores if self.device == CPU else 0, self.gpu_share, self.pace, memory)


class ClusterSpec(Struct, frozen=True):
    """The nodes of a cluster, in the order in which the scenario lists them."""

    nodes: tuple[Node, ...]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)


def cpu_worker(node: Node, number: int, cores: int) -> Worker:
    """The CPU worker of this number on a node. Numbers start at 0."""
    return Worker(WorkerId(f"{node.id}/cpu{number}"), node.id, CPU, cores, 0.0, node.pace)


def cpu_workers(node: Node, cores: int, per_worker: int | None) -> list[Worker]:
    """`cores` cores of a node as workers of `per_worker` cores each (None: as one worker). Cores
    that are left over stay unused. No cores are no worker."""
    size = per_worker or cores
    return [cpu_worker(node, number, size) for number in range(cores // size if size else 0)]


def gpu_worker(node: Node, number: int, cores: int, share: float = 1.0, part: int | None = None) -> Worker:
    """The worker on the GPU of this number, with `cores` cores of the node to feed the GPU. If
    several workers share the GPU, `part` is the worker's number among them. Numbers start at 0. On
    a node whose GPUs are alike, `number` may also count shares of GPUs."""
    assert node.gpus
    gpu = node.mixed[number] if node.mixed else node.each_gpu[0]  # where all are alike, policies may number shares
    place = f"gpu{number}" if part is None else f"gpu{number}.{part}"
    memory = UNSET if gpu.memory_gib is None else gpu.memory_gib
    return Worker(WorkerId(f"{node.id}/{place}"), node.id, gpu.type, cores, share, node.pace, memory)


GpuCut = tuple[int, float]
"""How many workers are on a GPU, and the share of each."""


def gpu_workers(node: Node, cut: Callable[[Gpu], GpuCut] = lambda gpu: (1, 1.0)) -> list[Worker]:
    """The GPUs of a node as workers. `cut` says how many workers a GPU is, and their shares. Every
    worker gets one core of the node to feed the GPU, as long as the node has cores."""
    places = [
        (number, part if workers > 1 else None, share)
        for number, (workers, share) in enumerate(map(cut, node.each_gpu))
        for part in range(workers)
    ]
    return [
        gpu_worker(node, gpu, cores=1 if place < node.cores else 0, share=share, part=part)
        for place, (gpu, part, share) in enumerate(places)
    ]
