"""Measure how often a run ends within its predicted interval, if the simulations that gave the
interval also chose the strategy: the table of chosen strategies in docs/planning.md.

    python -m benchmarks.chosen_interval                # into docs/measured
    python -m benchmarks.chosen_interval --draws 20000  # with more draws

Every draw is a plan: that many strategies that are alike, with normal makespans under every seed.
The plan chooses the least mean.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from benchmarks.kept_rows import MEASURED, Row, keep
from hetsched.analysis.intervals import interval_of_one_more
from hetsched.domain.random_streams import stream

STRATEGIES = (10, 80)
SEEDS = (2, 3, 5, 10)
MEAN = 100.0
"""The mean makespan, in standard deviations."""


def within(strategies: int, seeds: int, draws: int) -> float:
    """The share of next runs that end within the interval of the chosen strategy."""
    luck, shares = stream(seeds, "chosen interval", strategies), []
    for _ in range(draws):
        makespans = luck.normal(MEAN, size=(strategies, seeds))
        found = interval_of_one_more(makespans[makespans.mean(axis=1).argmin()].tolist())
        assert found is not None
        shares.append(norm.cdf(found[1] - MEAN) - norm.cdf(found[0] - MEAN))
    return float(np.mean(shares))


def rows(draws: int) -> Iterator[Row]:
    for strategies in STRATEGIES:
        found = {f"seeds_{seeds}": 100 * within(strategies, seeds, draws) for seeds in SEEDS}
        yield {"strategies": strategies, "draws": draws, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000, metavar="N")
    keep(MEASURED / "chosen_interval.csv", list(rows(parser.parse_args().draws)), ["strategies"])


if __name__ == "__main__":
    main()
