"""The table of resources: one row per sample of a node's cores, and per sample of one of its
GPUs."""

from collections.abc import Iterator

from msgspec.structs import asdict

from hetsched.analysis.tidy.columns import Column, Row
from hetsched.core.events import Event, ResourcesSampled
from hetsched.core.state import State
from hetsched.domain.cluster import CPU

COLUMNS = (
    Column("time_s", "float", "when it was sampled, since the start of the run", "s"),
    Column("node", "text", "the node that was sampled"),
    Column("device", "text", "`cpu` for the node's cores and memory, else the name of the GPU"),
    Column("gpu", "int", "the number of the GPU on its node, from 0; none for the cores"),
    Column("use", "float", "the part of all cores, or of the GPU, that was in use, from 0 to 1"),
    Column("memory_bytes", "int", "memory in use", "bytes"),
    Column("memory_total_bytes", "int", "memory that there is", "bytes"),
)


class Resources:
    def __call__(self, state: State, event: Event) -> Iterator[Row]:
        if not isinstance(event, ResourcesSampled):
            return
        memory = {"memory_bytes": event.memory_bytes, "memory_total_bytes": event.memory_total_bytes}
        of_node = {"time_s": event.time, "node": event.node}
        yield {**of_node, "device": CPU, "gpu": None, "use": event.cpu, **memory}
        for number, gpu in enumerate(event.gpus):
            used = asdict(gpu)
            yield {**of_node, "device": used.pop("name"), "gpu": number, **used}

    def rest(self, state: State) -> Iterator[Row]:
        """No rows: every sample has had its row."""
        yield from ()
