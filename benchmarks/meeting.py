"""Where workers of a benchmark wait before their first segment until all of them are there, so that what it takes to
start them is not measured."""

import os
import time
from pathlib import Path

MEETING = "HETSCHED_BENCHMARK_MEETING"
"""The environment variable: the folder in which workers meet, and how many they are, separated by a colon."""

LOOK_S = 0.05


def meet(name: str) -> None:
    """Wait until all workers are there."""
    folder, _, number = os.environ[MEETING].rpartition(":")
    Path(folder, name).touch()
    while sum(1 for _ in Path(folder).iterdir()) < int(number):
        time.sleep(LOOK_S)
