"""A meeting of a benchmark's workers: each waits before its first segment until all are ready.
Their start is therefore not measured."""

import os
import time
from pathlib import Path

MEETING = "HETSCHED_BENCHMARK_MEETING"
"""The environment variable with the folder in which workers meet and with their number, separated
by a colon."""

LOOK_S = 0.05


def meet(name: str) -> None:
    """Wait until all workers are ready."""
    folder, _, number = os.environ[MEETING].rpartition(":")
    Path(folder, name).touch()
    while sum(1 for _ in Path(folder).iterdir()) < int(number):
        time.sleep(LOOK_S)
