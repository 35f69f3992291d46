"""Measure what sampling a node costs: CPU seconds per sample, and its share of one core.

    python -m benchmarks.sampling [--samples N] [--every SECONDS] [--keep]

It samples this machine in this process, as `Sampling` does in a run on this machine. On a Ray
cluster one actor per machine does the same, and Ray's calls are added. The first sample, which
imports what is needed, does not count.
"""

import argparse
import time

from benchmarks.kept_rows import MEASURED, keep
from real.resources.node_meter import NodeMeter


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--every", type=float, default=10.0, help="report_interval_s")
    parser.add_argument("--keep", action="store_true", help="put the figures into docs/measured")
    options = parser.parse_args()
    meter = NodeMeter()
    meter.use()
    begun = time.process_time()
    for _ in range(options.samples):
        meter.use()
    seconds = (time.process_time() - begun) / options.samples
    share = seconds / options.every
    if options.keep:
        keep(
            MEASURED / "sampling.csv",
            [{"every_s": options.every, "cpu_ms": 1e3 * seconds, "share": 100 * share}],
            ["every_s"],
        )
    print(f"{1e3 * seconds:.3f} ms of CPU per sample: {share:.5%} of one core at one sample per {options.every:g} s")


if __name__ == "__main__":
    main()
