"""This machine, as far as this process may use it."""

import os


def available_cores() -> list[int]:
    """The numbers of the cores that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):  # neither macOS nor Windows has it
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
