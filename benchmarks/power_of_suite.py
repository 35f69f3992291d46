"""Measure how often `hetsched suite` errs, and what it finds. The figures go into docs/measured, for
two tables of docs/suite.md.

    python -m benchmarks.power_of_suite                 # both tables
    python -m benchmarks.power_of_suite --draws 2000    # with more draws

Duels are of a policy and the baseline on 14 scenarios. The logarithms of their ratios under the
seeds are normal. Intervals are of makespan / bound. Its logarithms are normal over scenarios, and
over 5 seeds of each. The standard deviation of one run is 0.2 in all.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.kept_rows import MEASURED, Row, keep
from hetsched.analysis.over_scenarios import aggregates
from hetsched.analysis.over_scenarios.aggregates import geometric_mean, interquartile_mean
from hetsched.analysis.over_scenarios.duels import Duel, duel
from hetsched.domain.random_streams import stream

SEEDS = (3, 5, 6, 8, 10, 20)
SCENARIOS = 14
CASES = ((1.02, 0.005), (1.05, 0.005), (1.05, 0.02), (1.2, 0.02), (1.2, 0.05))
"""The factor by which the policy is faster, and the standard deviation of the seeds' ratios."""

MANY = (3, 4, 5, 6, 8, 10, 14, 22)
MU, SPREAD, SEEDS_OF_ONE = 0.3, 0.2, 5
OVER_SEEDS = (0.0, 0.5, 1.0)
"""The part of the variance of a run that is over seeds. 1: all scenarios are alike."""

Array = NDArray[np.float64]


def duels(seeds: int, ratio: float, spread: float, draws: int) -> list[Duel]:
    luck = stream(seeds, "duels", str(ratio), str(spread))
    names = [f"s{n}" for n in range(SCENARIOS)]
    found = []
    for _ in range(draws):
        times = np.exp(luck.normal(-np.log(ratio), spread, (SCENARIOS, seeds))).tolist()
        found.append(duel(dict(zip(names, times, strict=True)), dict.fromkeys(names, [1.0] * seeds)))
    return found


def shares_of_duels(draws: int) -> Iterator[Row]:
    """A row per number of seeds and pair of policies. Where the policies are alike (a ratio of 1),
    `share` is of the duels with any win or loss. Else it is of the scenarios that are won."""
    for seeds in SEEDS:
        wrong = np.mean([bool(one.win or one.loss) for one in duels(seeds, 1.0, 0.1, 4 * draws)])
        yield {"seeds": seeds, "ratio": 1.0, "spread": 0.1, "draws": 4 * draws, "share": float(wrong)}
        for ratio, spread in CASES:
            won = np.mean([len(one.win) / SCENARIOS for one in duels(seeds, ratio, spread, draws)])
            yield {"seeds": seeds, "ratio": ratio, "spread": spread, "draws": draws, "share": float(won)}


def coverage(mean: Callable[[Array], Array], over_seeds: float, scenarios: int, draws: int) -> float:
    """The share of intervals that hold the mean of infinitely many scenarios, also for numbers of
    scenarios with which the suite gives none."""
    between, within = SPREAD * (1 - over_seeds) ** 0.5, SPREAD * over_seeds**0.5
    of_one = (between**2 + within**2 / SEEDS_OF_ONE) ** 0.5
    middle = float(np.exp(norm.ppf(np.linspace(0.25, 0.75, 20_001), MU, of_one)).mean())
    truth = float(np.exp(MU)) if mean is geometric_mean else middle
    luck, held = stream(scenarios, "coverage", str(over_seeds)), 0
    for draw in range(draws):
        logs = luck.normal(MU, between, (scenarios, 1)) + luck.normal(0, within, (scenarios, SEEDS_OF_ONE))
        of_scenarios = np.exp(logs.mean(axis=1))
        low, high = aggregates.interval_over_scenarios(of_scenarios, mean, seed=draw, resamples=400)
        held += low <= truth <= high
    return held / draws


def coverages(draws: int) -> Iterator[Row]:
    """A row per mean, part of the variance and number of scenarios: the share of the 95% intervals
    that hold the truth."""
    means = {"geometric": geometric_mean, "interquartile": interquartile_mean}
    for name, over_seeds, n in product(means, OVER_SEEDS, MANY):
        share = coverage(means[name], over_seeds, n, draws)
        yield {"mean": name, "over_seeds": over_seeds, "scenarios": n, "draws": draws, "share": share}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=150, metavar="N", help="draws per cell (default: 150)")
    options = parser.parse_args()
    for row in coverages(20 * options.draws):
        print(row, flush=True)
        keep(MEASURED / "suite_coverage.csv", [row], ["mean", "over_seeds", "scenarios"])
    for row in shares_of_duels(options.draws):
        print(row, flush=True)
        keep(MEASURED / "suite_duels.csv", [row], ["seeds", "ratio", "spread"])


if __name__ == "__main__":
    main()
