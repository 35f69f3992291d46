"""What it costs to sample a node: CPU seconds per sample, and the share of one core that this is.

    python -m benchmarks.sampling [--samples N] [--every SECONDS]

Samples this machine in this process, as `Sampling` does in a run on this machine, and as an actor per machine does on a
Ray cluster: there Ray's calls come on top. The first sample, which imports what is needed, is not counted.
"""

import argparse
import time

from real.resources.node_meter import NodeMeter


def main() -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--every", type=float, default=10.0, help="report_interval_s")
    options = parser.parse_args()
    meter = NodeMeter()
    meter.use()
    begun = time.process_time()
    for _ in range(options.samples):
        meter.use()
    seconds = (time.process_time() - begun) / options.samples
    share = seconds / options.every
    print(f"{1e3 * seconds:.3f} ms of CPU per sample: {share:.5%} of one core at one sample per {options.every:g} s")


if __name__ == "__main__":
    main()
