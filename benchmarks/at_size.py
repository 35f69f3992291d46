"""Measure runs of the size of a lab and of a data centre, by policy: CPU seconds, peak memory,
decisions.

    python -m benchmarks.at_size                                # queueing policies, up to 10,000 trials
    python -m benchmarks.at_size --policies lookahead,sia --sizes demo,1k,10k
    python -m benchmarks.at_size --policies least-progress,lookahead,gavel-las --sizes 100k
    python -m benchmarks.at_size --policies all --sizes 1k --keep   # for the docs

Every run is a separate process, under PBT with learning curves. The run writes its log. Its seconds
include neither imports nor the timing of decisions. The bare pool of `benchmarks.bare_pool` does as
many segments in a separate process, just before the policies.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.bare_pool import run_pool
from benchmarks.kept_rows import MEASURED, keep
from benchmarks.test_simulation import unequal_nodes
from hetsched.domain.registry import Strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import packaged_scenario
from hetsched.scenario.scenario import Setup
from hetsched.scheduling import Decision, StateView, policies
from hetsched.testing.scenarios import make_setup, profile_row
from sim.engine import simulate

QUEUEING = ("fifo", "least-progress", "pbt-sync", "las", "srtf", "lpt")
INTERVAL = 10
KINDS = 20
"""The number of types of worker, or of kinds of trial."""


class Size(NamedTuple):
    """A population on a cluster, with `intervals` for each trial. `setup` makes the scenario."""

    name: str
    trials: int
    workers: int
    intervals: int
    setup: Callable[["Size"], Setup]

    def __str__(self) -> str:
        return f"{self.name}: {self.trials:,} x {self.intervals} on {self.workers:,}"


def one_population(size: Size) -> Setup:
    """Equal trials on workers of three types."""
    stop = size.intervals * INTERVAL
    return make_setup(unequal_nodes(size.workers), population=size.trials, stop_iterations=stop)


def many_kinds(size: Size) -> Setup:
    """Twenty populations, each with its own batch size, on workers of three types."""
    batches = [8 * (number + 1) for number in range(KINDS)]
    cells = [(batch, cores) for batch in batches for cores in (1, 2, 4)]
    rows = [profile_row(cores=cores, seconds=batch / cores / 8, batch_size=batch) for batch, cores in cells]
    each = {"population": size.trials // KINDS, "stop_iterations": size.intervals * INTERVAL}
    experiments = [{"name": f"e{batch}", "batch_size": batch, **each} for batch in batches]
    return make_setup(unequal_nodes(size.workers), rows, experiments=experiments)


def many_types(size: Size) -> Setup:
    """Equal trials on workers of twenty types."""
    cores = range(1, KINDS + 1)
    nodes = [{"name": f"n{number}", "cores": cores[number % KINDS]} for number in range(size.workers)]
    rows = [profile_row(cores=number, seconds=4.0 / number) for number in cores]
    return make_setup(nodes, rows, population=size.trials, stop_iterations=size.intervals * INTERVAL)


def demo(size: Size) -> Setup:
    """The demo that comes with the package."""
    return load_setup(packaged_scenario("demo"))


SIZES = {
    size.name: size
    for size in (
        Size("demo", 20, 10, 20, demo),
        Size("1k", 1_000, 100, 20, one_population),
        Size("1k-kinds", 1_000, 100, 20, many_kinds),
        Size("10k", 10_000, 1_000, 20, one_population),
        Size("10k-kinds", 10_000, 1_000, 20, many_kinds),
        Size("100k", 100_000, 10_000, 1, many_types),
    )
}


class Cost(NamedTuple):
    """One run. `seconds` are of CPU time. A decision is a call of the policy."""

    size: str
    policy: str
    seconds: float
    memory_mib: float
    segments: int
    decisions: int = 0
    decision_p99_ms: float = 0.0


POOL = "bare pool"


def measure(size: Size, policy: str) -> Cost:
    """Run the policy, or the bare pool, in this process. The process should have done nothing
    else."""
    if policy == POOL:
        started = process_time()
        segments = run_pool(size.trials, size.workers, size.intervals)
        return Cost(size.name, policy, process_time() - started, memory_mib(), segments)
    setup = size.setup(size)
    factory: Any = policies.factory(policy)
    taken: list[float] = []
    factory.dispatch = timed(factory.dispatch, taken)
    with tempfile.TemporaryDirectory() as folder:
        started = process_time()
        outcome = simulate(setup, Strategy("fusion", policy), 0, Path(folder))
        seconds = process_time() - started - outcome.decisions * added_s()
    p99_ms = 1e3 * float(np.percentile(taken, 99))
    return Cost(size.name, policy, seconds, memory_mib(), outcome.state.segments, outcome.decisions, p99_ms)


def timed(
    dispatch: Callable[[Any, StateView], Iterable[Decision]], taken: list[float]
) -> Callable[[Any, StateView], Iterable[Decision]]:
    """The method, with a note of its CPU seconds."""

    def noting(policy: Any, state: StateView) -> Iterable[Decision]:
        started = process_time()
        decisions = list(dispatch(policy, state))
        taken.append(process_time() - started)
        return decisions

    return noting


def added_s() -> float:
    """The CPU seconds that `timed` adds to a call. Without them the seconds of a run are the run's
    own."""
    times = 1000
    nothing = timed(lambda policy, state: [], [])
    view: Any = None
    started = process_time()
    for _ in range(times):
        nothing(None, view)
    return (process_time() - started) / times


def memory_mib() -> float:
    """The peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_own_process(size: Size, policy: str, limit_s: float) -> Cost | str:
    """The cost, measured in a separate process, or why it is unknown."""
    command = [sys.executable, "-m", "benchmarks.at_size", "--one", "--sizes", size.name, "--policies", policy]
    command += ["--intervals", str(size.intervals)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=limit_s, check=True)
    except subprocess.TimeoutExpired:
        return f"not done in {limit_s:g} s"
    except subprocess.CalledProcessError as error:
        return f"failed with status {error.returncode}"
    return msgspec.json.decode(done.stdout, type=Cost)


def costs(sizes: list[Size], chosen: list[str], limit_s: float, times: int) -> Iterator[tuple[Size, str, Cost | str]]:
    """The least cost of `times` runs of each policy, which take turns."""
    for size in sizes:
        found: dict[str, Cost | str] = {}
        for turn in range(times):
            for policy in (POOL, *chosen):
                cost, before = in_own_process(size, policy, limit_s), found.get(policy)
                if not isinstance(before, Cost) or (isinstance(cost, Cost) and cost.seconds < before.seconds):
                    found[policy] = cost
                if turn == times - 1:
                    yield size, policy, found[policy]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policies", default=",".join(QUEUEING), help="separated by commas; all: every one")
    parser.add_argument("--sizes", default="1k,1k-kinds,10k,10k-kinds", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--intervals", type=int, metavar="N", help="for each trial, instead of those of the size")
    parser.add_argument("--limit", type=float, default=3600.0, metavar="S", help="wall seconds that a run may take")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="runs in turns, of which the least counts")
    parser.add_argument("--keep", action="store_true", help="put the figures into docs/measured")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [SIZES[name] for name in options.sizes.split(",")]
    if options.intervals:
        sizes = [size._replace(intervals=options.intervals) for size in sizes]
    chosen = policies.names() if options.policies == "all" else options.policies.split(",")
    if options.one:
        print(msgspec.json.encode(measure(sizes[0], chosen[0])).decode())
        return
    table = Table("size", "policy", "CPU s", "MiB", "us a segment", "of the pool", "decisions", "p99 ms")
    pool_us = 0.0
    for size, policy, found in costs(sizes, chosen, options.limit, options.times):
        if isinstance(found, str):
            table.add_row(str(size), policy, found)
        else:
            segment_us = 1e6 * found.seconds / found.segments
            pool_us = segment_us if policy == POOL else pool_us
            figures = f"{found.seconds:.2f}", f"{found.memory_mib:.0f}", f"{segment_us:.1f}"
            more = (f"{segment_us / pool_us:.1f} x", f"{found.decisions:,}", f"{found.decision_p99_ms:.2f}")
            table.add_row(str(size), policy, *figures, *(more if policy != POOL else ()))
            if options.keep:
                keep(MEASURED / "at_size.csv", [found._asdict()], ["size", "policy"])
        print(size.name, policy, found if isinstance(found, str) else f"{found.seconds:.2f} CPU s", flush=True)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
