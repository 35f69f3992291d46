"""The CPU, memory and GPU use of nodes in the live view: a table, or one line where a table has no
room."""

from collections.abc import Mapping
from statistics import fmean
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hetsched.core.events import ResourcesSampled
from hetsched.domain.cluster import NodeId
from hetsched.errors import counted
from hetsched.report.figures_in_words import share
from hetsched.report.terminal import line

AROUND_ROWS = 5
"""The lines around a table's rows: its frame, its heading, and the line that says how many nodes
are left out."""

LEAST_ROWS = 3
"""With room for fewer nodes than this, and for fewer than all nodes, one line replaces the
table."""


class Drawn(NamedTuple):
    """The parts to draw, and the number of terminal lines that they take at most."""

    parts: list[RenderableType]
    lines: int


def nodes_drawn(newest: Mapping[NodeId, ResourcesSampled], now: float, silent_s: float, room: int) -> Drawn:
    """The newest sample of each node, in `room` lines. Nothing is drawn before the first sample.

    A sample that is older than `silent_s` seconds at `now` is shown with its age. If not all nodes
    have room, those with the busiest CPUs are shown.
    """
    samples = list(newest.values())
    if not samples:
        return Drawn([], 0)
    rows = min(len(samples), room - AROUND_ROWS)
    if rows < min(len(samples), LEAST_ROWS):
        used = (f"{_named(s, now, silent_s)}: CPU {share(s.cpu)}, memory {_memory(s)}{_gpus(s)}" for s in samples)
        return Drawn([line("; ".join(used))], 1)
    if rows < len(samples):
        samples = sorted(samples, key=lambda sample: -sample.cpu)[:rows]
    table = Table("node", header_style="bold")
    for heading in ("CPU", "memory", "GPU", "GPU memory"):
        table.add_column(heading, justify="right")
    for sample in samples:
        gpu, gpu_memory = _gpu_use(sample)
        table.add_row(_named(sample, now, silent_s), share(sample.cpu), _memory(sample), gpu, gpu_memory)
    more = len(newest) - rows
    return Drawn([table, *([Text(f"and {counted(more, 'node')} more")] if more else [])], rows + AROUND_ROWS)


def _named(sample: ResourcesSampled, now: float, silent_s: float) -> str:
    age_s = now - sample.time
    return sample.node if age_s <= silent_s else f"{sample.node} ({age_s:,.0f} s ago)"


def _memory(sample: ResourcesSampled) -> str:
    return _of(sample.memory_bytes, sample.memory_total_bytes)


def _gpu_use(sample: ResourcesSampled) -> tuple[str, str]:
    """The mean use of a node's GPUs, and the sum of their memory. Both texts are empty if the node
    has no GPU."""
    gpus = sample.gpus
    if not gpus:
        return "", ""
    use = fmean(gpu.use for gpu in gpus)
    memory = _of(sum(gpu.memory_bytes for gpu in gpus), sum(gpu.memory_total_bytes for gpu in gpus))
    return (share(use) if len(gpus) == 1 else f"{len(gpus)} x {share(use)}"), memory


def _gpus(sample: ResourcesSampled) -> str:
    use, memory = _gpu_use(sample)
    return f", GPU {use}, GPU memory {memory}" if use else ""


def _of(used: int, total: int) -> str:
    return f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB"
