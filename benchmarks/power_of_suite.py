"""Measure how often `hetsched suite` errs, and what it finds: the two tables of docs/suite.md.

    python -m benchmarks.power_of_suite                 # both tables
    python -m benchmarks.power_of_suite --draws 2000    # with more draws

Duels are of a policy and the baseline on 14 scenarios. The logarithms of their ratios under the
seeds are normal. Intervals are of makespan / bound. Its logarithms are normal over scenarios, with
a standard deviation of 0.2, and over 5 seeds, with a standard deviation of 0.02.
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hetsched.analysis.over_scenarios import aggregates
from hetsched.analysis.over_scenarios.aggregates import geometric_mean, interquartile_mean
from hetsched.analysis.over_scenarios.duels import Duel, duel
from hetsched.domain.random_streams import stream

SEEDS = (3, 5, 6, 8, 10, 20)
SCENARIOS = 14
CASES = ((1.02, 0.005), (1.05, 0.005), (1.05, 0.02), (1.2, 0.02), (1.2, 0.05))
"""The factor by which the policy is faster, and the standard deviation of the seeds' ratios."""

MANY = (2, 3, 4, 5, 6, 8, 10, 14)
MU, BETWEEN, WITHIN = 0.3, 0.2, 0.02

Array = NDArray[np.float64]


def duels(seeds: int, ratio: float, spread: float, draws: int) -> list[Duel]:
    luck = stream(seeds, "duels", str(ratio), str(spread))
    names = [f"s{n}" for n in range(SCENARIOS)]
    found = []
    for _ in range(draws):
        times = np.exp(luck.normal(-np.log(ratio), spread, (SCENARIOS, seeds))).tolist()
        found.append(duel(dict(zip(names, times, strict=True)), dict.fromkeys(names, [1.0] * seeds)))
    return found


def duels_table(draws: int) -> str:
    """A table in Markdown, with a row per number of seeds."""
    heads = [f"{ratio - 1:.0%} faster, {spread:.1%}" for ratio, spread in CASES]
    lines = ["| seeds | no difference, 10% | " + " | ".join(heads) + " |", "| --- |" + " --- |" * (len(CASES) + 1)]
    for seeds in SEEDS:
        wrong = np.mean([bool(one.win or one.loss) for one in duels(seeds, 1.0, 0.1, 4 * draws)])
        won = [np.mean([len(one.win) / SCENARIOS for one in duels(seeds, *case, draws)]) for case in CASES]
        lines.append(f"| {seeds} | {wrong:.1%} | " + " | ".join(f"{share:.0%}" for share in won) + " |")
    return "\n".join(lines)


def coverage(mean: Callable[[Array], Array], scenarios: int, draws: int) -> float:
    """The share of intervals that hold the mean of infinitely many scenarios, also for numbers of
    scenarios with which the suite gives none."""
    middle = float(np.exp(norm.ppf(np.linspace(0.25, 0.75, 20_001), MU, BETWEEN)).mean())
    truth = float(np.exp(MU)) if mean is geometric_mean else middle
    luck, held = stream(scenarios, "coverage"), 0
    for draw in range(draws):
        logs = luck.normal(MU, BETWEEN, (scenarios, 1)) + luck.normal(0, WITHIN, (scenarios, 5))
        low, high = aggregates.interval_over_scenarios(list(logs), mean, seed=draw, resamples=400)
        held += low <= truth <= high
    return held / draws


def coverage_table(draws: int) -> str:
    """A table in Markdown, with a row per mean."""
    lines = ["| mean | " + " | ".join(f"n = {n}" for n in MANY) + " |", "| --- |" + " --- |" * len(MANY)]
    for name, mean in (("geometric", geometric_mean), ("interquartile", interquartile_mean)):
        lines.append(f"| {name} | " + " | ".join(f"{coverage(mean, n, draws):.0%}" for n in MANY) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=150, metavar="N", help="draws per cell (default: 150)")
    options = parser.parse_args()
    print("The 95% interval of n scenarios holds the truth:\n\n" + coverage_table(4 * options.draws))
    print(
        "\nScenarios that are won; in the second column, duels with any win or loss:\n\n" + duels_table(options.draws)
    )


if __name__ == "__main__":
    main()
