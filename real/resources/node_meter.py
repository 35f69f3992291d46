"""Measures what is used of the node that this process is on."""

from collections.abc import Callable
from typing import NamedTuple

from hetsched.core.events import GpuUse
from hetsched.cores import available_cores
from real.resources.container import CpuShare, Limited, limited
from real.resources.gpus import Gpus


class NodeUse(NamedTuple):
    """A sample of a node. See `hetsched.core.events.ResourcesSampled`."""

    cpu: float
    memory_bytes: int
    memory_total_bytes: int
    gpus: tuple[GpuUse, ...] = ()


class NodeMeter:
    """Samples the node. In a container that limits cores or memory, the sample is of the container.
    Otherwise it is of the machine's memory, and of the cores that this process may use."""

    def __init__(self) -> None:
        self._counting: _Counting | None = None

    def use(self) -> NodeUse | None:
        """What is used now. The shares of cores are means since the previous call. None: this is
        the first call.

        Raises ModuleNotFoundError if psutil is not installed.
        """
        if self._counting is None:
            self._counting = _Counting(limited())
            return None
        return self._counting.use()


class _Counting:
    """A meter that has begun to count."""

    def __init__(self, limits: Limited) -> None:
        import psutil  # with hetsched[real]; a node may lack it

        self._limits = limits
        self._memory = psutil.virtual_memory
        self._gpus = Gpus()
        cores = available_cores()

        def share_of_cores() -> float:
            """psutil counts from its call before, in this thread."""
            percents = psutil.cpu_percent(percpu=True)
            own = [percents[core] for core in cores if core < len(percents)] or percents
            return float(sum(own)) / len(own) / 100

        in_container = limits.cores is not None and limits.cores < len(cores)
        self._cpu: Callable[[], float] = CpuShare(limits) if in_container else share_of_cores
        self._cpu()

    def use(self) -> NodeUse:
        return NodeUse(min(1.0, round(self._cpu(), 4)), *self._memory_use(), self._gpus.use())

    def _memory_use(self) -> tuple[int, int]:
        """Bytes in use, and bytes in total."""
        machine, limit = self._memory(), self._limits.memory_total_bytes
        if limit is not None and limit < machine.total:
            return self._limits.memory_bytes(), limit
        return int(machine.total - machine.available), int(machine.total)
