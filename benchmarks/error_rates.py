"""Measure how often `hetsched compare` shows a difference that does not exist, and how often its
intervals hold the true value.

    python -m benchmarks.error_rates                  # into docs/measured
    python -m benchmarks.error_rates --draws 20000    # with more draws

`python -m benchmarks.pages` then writes the three tables of docs/statistics.md.

Every draw is a comparison of one strategy with the baseline: `n` logarithms of ratios, one per
seed. Their true mean is 0, so a difference that is shown is an error. Skewed distributions are
mirrored at random.
"""

import argparse
from collections.abc import Callable, Iterator
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.kept_rows import MEASURED, Row, keep
from hetsched.analysis.intervals import interval
from hetsched.analysis.paired import differences
from hetsched.domain.random_streams import stream

SEEDS = (2, 3, 4, 5, 6, 8, 10, 20)
FAMILY_SEEDS = (5, 10, 20)
STRATEGIES = (3, 7)
RARE = 0.1
"""The probability of the rare event, such as a failure in one run of ten."""

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

KINDS: dict[str, Draw] = {
    "normal": lambda luck, n: luck.normal(size=n),
    "uniform": lambda luck, n: luck.uniform(-1, 1, n),
    "exponential": lambda luck, n: luck.exponential(size=n) - 1,
    "lognormal": lambda luck, n: luck.lognormal(size=n) - exp(0.5),
    "rare": lambda luck, n: 0.05 * luck.normal(size=n) + (luck.random(n) < RARE) - RARE,
}
"""Distributions of differences with mean 0. `rare`: nearly always a little to one side, and once in
ten times far to the other."""


def drawn(kind: str, seeds: int, draws: int) -> list[NDArray[np.float64]]:
    luck = stream(seeds, "error-rates", kind)
    return [luck.choice([-0.01, 0.01]) * KINDS[kind](luck, seeds) for _ in range(draws)]


def error_rate(kind: str, seeds: int, draws: int) -> float:
    """The share of comparisons that show a difference."""
    return float(np.mean([_shows(logs) for logs in drawn(kind, seeds, draws)]))


def _shows(logs: NDArray[np.float64]) -> bool:
    return differences([1.0] * len(logs), {"strategy": np.exp(-logs).tolist()})["strategy"].shown


def family_error_rate(kind: str, strategies: int, seeds: int, draws: int) -> float:
    """The share of comparisons, of that many strategies with a baseline, that show some difference.
    The draws of the strategies are independent."""
    luck = stream(seeds, "error-rates", kind, strategies)

    def shows() -> bool:
        found = {str(n): np.exp(-luck.choice([-0.01, 0.01]) * KINDS[kind](luck, seeds)) for n in range(strategies)}
        return any(
            each.shown for each in differences([1.0] * seeds, {n: v.tolist() for n, v in found.items()}).values()
        )

    return float(np.mean([shows() for _ in range(draws)]))


def coverage(kind: str, seeds: int, draws: int) -> float:
    """The share of 95% intervals that hold 0."""
    found = [interval(logs.tolist()) for logs in drawn(kind, seeds, draws)]
    return float(np.mean([ends is not None and ends[0] <= 0 <= ends[1] for ends in found]))


def rates(draws: int) -> Iterator[Row]:
    """The error rates of one strategy, and of several ones."""
    for kind in KINDS:
        for seeds in SEEDS[1:]:
            yield _row(kind, seeds, draws, error_rate(kind, seeds, draws), strategies=1)
        for seeds in FAMILY_SEEDS:
            for strategies in STRATEGIES:
                share = family_error_rate(kind, strategies, seeds, draws)
                yield _row(kind, seeds, draws, share, strategies=strategies)


def coverages(draws: int) -> Iterator[Row]:
    for kind in KINDS:
        yield from (_row(kind, seeds, draws, coverage(kind, seeds, draws)) for seeds in SEEDS)


def _row(kind: str, seeds: int, draws: int, share: float, **others: int) -> Row:
    return {"pairs": kind, "seeds": seeds, **others, "share": share, "draws": draws}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000, metavar="N", help="comparisons per cell (default: 4000)")
    options = parser.parse_args()
    print(f"Standard error at 5%: {sqrt(0.05 * 0.95 / options.draws):.1%}")
    keep(MEASURED / "error_rates.csv", [*rates(options.draws)], ["pairs", "seeds", "strategies"])
    keep(MEASURED / "interval_coverage.csv", [*coverages(options.draws)], ["pairs", "seeds"])


if __name__ == "__main__":
    main()
