"""The tables of the cluster, and the nodes that they describe."""

from collections import Counter
from typing import Annotated, Self

from pydantic import Field, model_validator

from hetsched.domain.cluster import CPU, ClusterSpec, Gpu, Node, NodeId
from hetsched.domain.profiles import MOST_MEMORY_GIB, in_mib
from hetsched.errors import nearest
from hetsched.scenario.tables import Factor, Many, Name, Price, SpotTable, Table

DISCOVER = "discover"
"""The value of `cluster` in a scenario that takes the nodes of a Ray cluster instead of listing
nodes."""

Gib = Annotated[float, Field(gt=0, le=1e6)]
Cores = Annotated[int, Field(ge=1, le=10**4)]
GpusOfAType = Annotated[int, Field(ge=1, le=10**4)]


class NodeTable(Table):
    """One kind of machine. With `count`, that many of them, numbered from 0.

    With `pace`, every iteration takes the profile's time for the device x `real.time_scale` x
    `pace` (true: 1).
    """

    name: Name
    """Name of the node; with `count`, numbers follow it."""
    cores: Cores
    """CPU cores."""
    gpus: Annotated[int, Field(ge=0, le=10**4)] | dict[Name, GpusOfAType] = 0
    """How many GPUs, or a table: type -> how many."""
    gpu_type: Name | None = None
    """Type of the GPUs; the profile's `device`."""
    gpu_memory_gib: Gib | dict[Name, Gib] | None = None
    """Memory of each GPU, or a table by type. Without it, everything fits."""
    count: Many = 1
    """How many such nodes there are."""
    pace: bool | Factor = False
    """Factor on the profile's step times, which a real run keeps to (true: 1; false: as fast as it
    can)."""
    address: str | None = Field(default=None, examples=["10.0.0.7"])
    """IP address of the node in the Ray cluster."""
    price_per_h: Price | None = Field(default=None, examples=[3.06])
    """Price of the node."""
    spot_price_per_h: Price | None = Field(default=None, examples=[0.92])
    """Price where `faults.spot` has the node. Without it, `price_per_h`."""

    @model_validator(mode="after")
    def _gpus_have_a_type(self) -> Self:
        if isinstance(self.gpus, dict):
            if not self.gpus or CPU in self.gpus:
                raise ValueError("gpus: expected a number of GPUs, or a table of numbers by type such as { v100 = 2 }")
            if self.gpu_type:
                raise ValueError("gpu_type: the table of gpus has the types: leave gpu_type out")
        elif self.gpus and self.gpu_type in (None, CPU):
            raise ValueError("a node with gpus needs gpu_type, the name of their type such as 'v100'")
        if self.gpu_type and not self.gpus:
            raise ValueError("a node with gpu_type needs gpus, how many it has")
        if self.address and self.count > 1:
            raise ValueError(
                "an address is of one node: remove it to simulate several nodes, or list them one by one, without count"
            )
        return self

    @model_validator(mode="after")
    def _spot_has_a_full_price(self) -> Self:
        if self.spot_price_per_h is not None and self.price_per_h is None:
            raise ValueError("spot_price_per_h needs price_per_h, what the node costs without faults.spot")
        return self

    @model_validator(mode="after")
    def _memory_is_of_its_gpus(self) -> Self:
        if self.gpu_memory_gib is not None and not self.gpu_types:
            raise ValueError("gpu_memory_gib: the node has no GPUs: leave gpu_memory_gib out")
        for name in self.gpu_memory_gib if isinstance(self.gpu_memory_gib, dict) else ():
            if name not in self.gpu_types:
                raise ValueError(f"gpu_memory_gib: the node has no {name!r}: {nearest(name, self.gpu_types)}")
        sizes = {gpu.memory_gib for gpu in self.each_gpu if gpu.memory_gib is not None}
        if sizes and max(sizes) > MOST_MEMORY_GIB:
            raise ValueError(f"gpu_memory_gib: {in_mib(max(sizes))}")
        return self

    @property
    def gpu_types(self) -> list[str]:
        """The types of the node's GPUs."""
        if isinstance(self.gpus, dict):
            return list(self.gpus)
        return [self.gpu_type] if self.gpu_type else []

    @property
    def each_gpu(self) -> tuple[Gpu, ...]:
        """The GPUs of one node, in the order of their types."""
        counts = self.gpus if isinstance(self.gpus, dict) else dict.fromkeys(self.gpu_types, self.gpus)
        memory = self.gpu_memory_gib
        return tuple(
            Gpu(name, memory.get(name) if isinstance(memory, dict) else memory)
            for name, count in counts.items()
            for _ in range(count)
        )

    def names(self) -> list[str]:
        return [self.name] if self.count == 1 else [f"{self.name}{number}" for number in range(self.count)]

    def nodes(self, time_scale: float, spot: SpotTable | None) -> list[Node]:
        """The machines of this table.

        `time_scale` multiplies the pace of machines that have one. Machines that are spot nodes
        according to `spot` cost their spot price if they have one.
        """
        pace = time_scale * self.pace if self.pace else None
        gpus, several = self.each_gpu, len(self.gpu_types) > 1
        gpu_type, memory_gib = (None, None) if several or not gpus else gpus[0]
        return [
            Node(
                id=NodeId(name),
                cores=self.cores,
                gpus=len(gpus),
                gpu_type=gpu_type,
                pace=pace,
                address=self.address,
                price_per_h=self._price_per_h(name, spot),
                gpu_memory_gib=memory_gib,
                mixed=gpus if several else (),
            )
            for name in self.names()
        ]

    def _price_per_h(self, name: str, spot: SpotTable | None) -> float | None:
        is_spot = spot is not None and spot.has(name)
        return self.spot_price_per_h if is_spot and self.spot_price_per_h is not None else self.price_per_h


class ClusterTable(Table):
    """The machines that workers are made of."""

    nodes: list[NodeTable] = Field(min_length=1)
    """The machines."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        counts = Counter(name for node in self.nodes for name in node.names())
        name, times = counts.most_common(1)[0]
        if times > 1:
            raise ValueError(f"{times} nodes are called {name!r} (count numbers them from 0); names must differ")
        return self

    def cluster(self, time_scale: float, spot: SpotTable | None = None) -> ClusterSpec:
        return ClusterSpec(tuple(node for table in self.nodes for node in table.nodes(time_scale, spot)))
