"""Measure ten thousand jobs on the packaged scenarios of data centres: CPU seconds, peak memory,
and the figures of the jobs.

    python -m benchmarks.at_data_centre                     # openb and gfs under four policies
    python -m benchmarks.at_data_centre --jobs 1000 --scenarios openb --policies fifo
    python -m benchmarks.at_data_centre --keep              # for the docs

The jobs are drawn as in the packaged scenarios (`benchmarks.draw_clusters`). Every run is a
separate process, which reads the scenario and writes its log.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.at_size import memory_mib
from benchmarks.draw_clusters import jobs, write_jobs
from benchmarks.kept_rows import MEASURED, keep
from hetsched.domain.registry import Strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import FOLDER
from hetsched.studies.one_run import carry_out

SCENARIOS = ("openb", "gfs")
POLICIES = ("fifo", "srtf", "las", "gavel-las")
SEED = 0


class Cost(NamedTuple):
    """One run: CPU seconds of reading and of simulating, and its figures. Times are in seconds."""

    load_s: float
    seconds: float
    memory_mib: float
    log_mib: float
    segments: int
    makespan_s: float
    wait_s: float | None
    """The mean wait of jobs: their time from arrival to completion less their segments."""


def write_scenario(name: str, count: int, folder: Path) -> Path:
    """Write the packaged scenario with that many jobs."""
    write_jobs(folder / "jobs.csv", jobs(count, mean_gap_s=1.0, median_h=0.5, seed=SEED))
    text = (FOLDER / f"{name}.toml").read_text()
    for here, there in (("cluster-jobs.csv", "jobs.csv"), ("cluster-speeds.csv", str(FOLDER / "cluster-speeds.csv"))):
        assert f'"{here}"' in text
        text = text.replace(f'"{here}"', f'"{there}"')
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def measure(name: str, policy: str, count: int) -> Cost:
    """Run the policy in this process. The process should have done nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_scenario(name, count, Path(folder))
        started = process_time()
        setup = load_setup(path)
        loaded = process_time()
        result, state = carry_out("sim", setup, Strategy("gpu-only", policy), SEED, Path(folder) / "run")
        seconds = process_time() - loaded
        log_mib = result.log.stat().st_size / 2**20
    metrics = result.metrics
    segments, makespan_s, wait_s = state.segments, metrics.makespan_s, metrics.wait_s
    return Cost(loaded - started, seconds, memory_mib(), log_mib, segments, makespan_s, wait_s)


def in_own_process(name: str, policy: str, count: int) -> Cost:
    command = [sys.executable, "-m", "benchmarks.at_data_centre", "--one", "--jobs", str(count)]
    command += ["--scenarios", name, "--policies", policy]
    return msgspec.json.decode(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, type=Cost)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="separated by commas")
    parser.add_argument("--policies", default=",".join(POLICIES), help="separated by commas")
    parser.add_argument("--jobs", type=int, default=10_000, metavar="N")
    parser.add_argument("--keep", action="store_true", help="put the figures into docs/measured")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names, policies = options.scenarios.split(","), options.policies.split(",")
    if options.one:
        print(msgspec.json.encode(measure(names[0], policies[0], options.jobs)).decode())
        return
    columns = ("read, CPU s", "run, CPU s", "MiB", "log, MiB", "segments", "makespan, h", "mean wait, s")
    table = Table("scenario", "policy", *columns)
    for name in names:
        for policy in policies:
            cost = in_own_process(name, policy, options.jobs)
            figures = f"{cost.load_s:.1f}", f"{cost.seconds:.1f}", f"{cost.memory_mib:.0f}", f"{cost.log_mib:.1f}"
            wait = "" if cost.wait_s is None else f"{cost.wait_s:,.0f}"
            table.add_row(name, policy, *figures, f"{cost.segments:,}", f"{cost.makespan_s / 3600:.1f}", wait)
            print(name, policy, cost, flush=True)
            if options.keep:
                row = {"scenario": name, "policy": policy, "jobs": options.jobs, **cost._asdict()}
                keep(MEASURED / "at_data_centre.csv", [row], ["scenario", "policy"])
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
