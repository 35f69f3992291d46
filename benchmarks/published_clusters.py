"""Measure `hetsched bound` and `hetsched simulate` on the packaged scenarios of published clusters:
CPU seconds and peak memory. The figures go into docs/measured.

python -m benchmarks.published_clusters
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.kept_rows import MEASURED, Row, keep

STRATEGIES = {
    "gavel-testbed": "gpu-only+srtf",
    "sia-testbed": "gpu-only+srtf",
    "pollux-testbed": "gpu-only+srtf",
    "openb": "gpu-only+fifo",
    "gfs": "gpu-only+fifo",
}


class Done(NamedTuple):
    """A command that has ended: what it printed, and what its process took."""

    printed: dict[str, Any]
    cpu_s: float
    memory_mib: float


def hetsched(*arguments: str) -> Done:
    """Run the command in a process of its own, imports included. Raises CalledProcessError if it
    fails."""
    command = [sys.executable, "-m", "hetsched", *arguments, "--json"]
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        printed.seek(0)
        said = msgspec.json.decode(printed.read())
    return Done(said, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def measure(scenario: str, strategy: str) -> Row:
    bound = hetsched("bound", scenario)
    with tempfile.TemporaryDirectory() as folder:
        order = ("--strategy", strategy, "--seed", "0", "--out", str(Path(folder) / "run"))
        simulated = hetsched("simulate", scenario, *order)
    return {
        "scenario": scenario,
        "jobs": bound.printed["trace"]["kept"],
        "bound_s": f"{bound.printed['bound_s']:.1f}",
        "bound_cpu_s": bound.cpu_s,
        "strategy": strategy,
        "simulate_cpu_s": simulated.cpu_s,
        "memory_mib": simulated.memory_mib,
    }


def main() -> None:
    for scenario, strategy in STRATEGIES.items():
        row = measure(scenario, strategy)
        print(*row.values(), flush=True)
        keep(MEASURED / "published_clusters.csv", [row], ["scenario"])


if __name__ == "__main__":
    main()
