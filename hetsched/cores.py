"""This machine, as far as this process may use it."""

import os
import platform
import re
from pathlib import Path


def available_cores() -> list[int]:
    """The numbers of the cores that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):  # neither macOS nor Windows has it
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cpu_model() -> str:
    """What this machine calls its processor."""
    cpuinfo = Path("/proc/cpuinfo")  # only Linux has it
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()
