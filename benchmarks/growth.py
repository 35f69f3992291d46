"""Measure how the cost of a simulation grows with trials, workers and policies: CPU time per
segment, and the fitted exponent.

    python -m benchmarks.growth                     # the table
    python -m benchmarks.growth --keep              # also docs/measured/growth.csv and docs/growth.png

Every point is a population under PBT with learning curves and 20 intervals per trial. The run
writes its log. Trials grow on 16 workers. Workers grow with ten trials each. The cost per segment
is fitted as n^k by least squares over the points. k is 0 if the cost per segment does not depend on
the size. k is 1 if it doubles with the size.
"""

import argparse
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import NamedTuple

import numpy as np
import scipy.optimize  # noqa: F401  # so that its import is in no run's seconds
from rich.console import Console
from rich.table import Table

from benchmarks.kept_rows import MEASURED, keep
from benchmarks.test_simulation import SEGMENTS_PER_TRIAL, unequal_nodes
from hetsched.domain.registry import Strategy
from hetsched.testing.scenarios import make_setup
from sim.engine import simulate

TRIALS = (20, 64, 256, 1024, 4096)
WORKERS = (10, 32, 100, 320, 1000)
POLICIES = ("least-progress", "fifo", "srtf", "lookahead", "hrfs", "gavel-las")
LIMIT_S = 40.0
"""A policy is not measured beyond the size at which a run takes this many seconds."""


class Point(NamedTuple):
    """One run: CPU time per segment in microseconds, and the number of segments."""

    axis: str
    policy: str
    trials: int
    workers: int
    segment_us: float
    segments: int


def measure(axis: str, policy: str, trials: int, workers: int, repetitions: int) -> Point:
    """The best of several runs."""
    setup = make_setup(unequal_nodes(workers), population=trials, stop_iterations=SEGMENTS_PER_TRIAL * 10)
    seconds, segments = [], 0
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory() as folder:
            started = process_time()
            outcome = simulate(setup, Strategy("fusion", policy), 0, Path(folder))
            seconds.append(process_time() - started)
            segments = outcome.state.segments
    return Point(axis, policy, trials, workers, 1e6 * min(seconds) / segments, segments)


def points(repetitions: int) -> Iterator[Point]:
    for policy in POLICIES:
        for axis, sizes in (("trials", [(n, 16) for n in TRIALS]), ("workers", [(10 * n, n) for n in WORKERS])):
            for trials, workers in sizes:
                point = measure(axis, policy, trials, workers, repetitions)
                yield point
                if point.segment_us * point.segments > 1e6 * LIMIT_S / 8:  # four times the size takes up to 16 times
                    break


def exponent(found: list[Point]) -> float:
    """The k of: cost per segment ~ n^k."""
    sizes = [point.trials if point.axis == "trials" else point.workers for point in found]
    return float(np.polyfit(np.log(sizes), np.log([point.segment_us for point in found]), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="put the figures and the picture into the docs")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N")
    options = parser.parse_args()
    found = []
    for point in points(options.repetitions):
        found.append(point)
        print(f"{point.policy} {point.trials} x {point.workers}: {point.segment_us:.1f} us a segment", flush=True)
    table = Table("policy", "grows", "from", "us a segment", "to", "us a segment", "exponent")
    series = {(p.policy, p.axis): [q for q in found if (q.policy, q.axis) == (p.policy, p.axis)] for p in found}
    for (policy, axis), run in series.items():
        first, last = run[0], run[-1]
        size = "{0.trials} x {0.workers}"
        k = f"{exponent(run):.2f}" if len(run) > 1 else ""
        table.add_row(
            policy, axis, size.format(first), f"{first.segment_us:.1f}", size.format(last), f"{last.segment_us:.1f}", k
        )
    Console(width=120).print(table)
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if options.keep:
        keep(MEASURED / "growth.csv", [point._asdict() for point in found], ["axis", "policy", "trials", "workers"])
        plot(series, MEASURED.parent / "growth.png")


def plot(series: dict[tuple[str, str], list[Point]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = dict(zip(("trials", "workers"), figure.subplots(1, 2, sharey=True), strict=True))
    for (policy, axis), run in series.items():
        sizes = [point.trials if axis == "trials" else point.workers for point in run]
        label = f"{policy} (n^{exponent(run):.2f})" if len(run) > 1 else policy
        axes[axis].loglog(sizes, [point.segment_us for point in run], "o-", label=label)
    axes["trials"].set(xlabel="trials on 16 workers", ylabel="CPU microseconds a segment")
    axes["workers"].set(xlabel="workers, ten trials each")
    for axis in axes.values():
        axis.legend()
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
