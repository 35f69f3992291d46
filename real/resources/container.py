"""The limits of this process's container on cores and memory. They come from control groups of
version 2, which Docker, Kubernetes and Slurm make."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

Number = TypeVar("Number", int, float)

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


class Limited(NamedTuple):
    """The control groups that limit this process, and their limits. The nearest group with a limit
    counts.

    `cores` is None if no group limits the cores. `memory_total_bytes` is None if no group limits
    the memory.
    """

    cpu_group: Path | None
    cores: float | None
    memory_group: Path | None
    memory_total_bytes: int | None

    def cpu_s(self) -> float:
        """Seconds for which all processes of the container together have used cores."""
        assert self.cpu_group is not None
        return _numbers(self.cpu_group / "cpu.stat")["usage_usec"] / 1e6

    def memory_bytes(self) -> int:
        """Bytes that the container has in memory, without files that the kernel can drop at
        once."""
        assert self.memory_group is not None
        used = int((self.memory_group / "memory.current").read_text())
        return max(0, used - _numbers(self.memory_group / "memory.stat").get("inactive_file", 0))


def limited(own: Path = OWN_GROUP, groups: Path = GROUPS) -> Limited:
    """The limits of this process. There are none if the kernel does not report any."""
    cores: tuple[Path, float] | None = None
    memory: tuple[Path, int] | None = None
    for group in _own_groups(own, groups):
        cores = cores or _limit(group, "cpu.max", _cores)
        memory = memory or _limit(group, "memory.max", int)
    return Limited(*(cores or (None, None)), *(memory or (None, None)))


def _own_groups(own: Path, groups: Path) -> Iterator[Path]:
    """The control group of this process, and the groups around it, from the inside out."""
    try:
        named = [line.removeprefix("0::") for line in own.read_text().splitlines() if line.startswith("0::")]
    except OSError:
        named = []
    for name in named:
        group = groups / name.lstrip("/")
        yield group
        yield from (parent for parent in group.parents if parent.is_relative_to(groups))


def _limit(group: Path, file: str, read: Callable[[str], Number]) -> tuple[Path, Number] | None:
    """The group and its limit. None: the group has no limit."""
    try:
        text = (group / file).read_text().strip()
    except OSError:
        return None
    return None if text.startswith("max") else (group, read(text))


def _cores(text: str) -> float:
    """The number of cores from the text of `cpu.max`: microseconds of work that are allowed per
    period, and the period in microseconds."""
    quota, period = text.split()
    return int(quota) / int(period)


def _numbers(file: Path) -> dict[str, int]:
    """The names and numbers in a file with one pair per line."""
    return {name: int(number) for name, number in (line.split() for line in file.read_text().splitlines())}


class CpuShare:
    """The share of the container's cores that was in use, as the mean since the previous call."""

    def __init__(self, limits: Limited, read_time: Callable[[], float] = time.monotonic) -> None:
        assert limits.cores is not None
        self._limits, self._cores, self._read_time = limits, limits.cores, read_time
        self._before = read_time(), limits.cpu_s()

    def __call__(self) -> float:
        now, used_s = self._read_time(), self._limits.cpu_s()
        (then, used_before_s), self._before = self._before, (now, used_s)
        return (used_s - used_before_s) / (self._cores * (now - then)) if now > then else 0.0
