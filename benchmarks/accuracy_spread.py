"""Measure what chance makes of one simulation: the standard deviation of the best score over seeds,
for each strategy of examples/validate-accuracy. Keeps the rows of a table of docs/validation.md.

    python -m benchmarks.accuracy_spread
"""

from pathlib import Path
from statistics import stdev

import hetsched
from benchmarks.kept_rows import MEASURED, keep
from hetsched.cores import available_cores
from hetsched.studies.results import by_strategy

SCENARIO = Path(__file__).parents[1] / "examples/validate-accuracy/validate-accuracy.toml"
SEEDS = 30


def main() -> None:
    found = hetsched.compare(hetsched.load_scenario(SCENARIO), seeds=SEEDS, jobs=len(available_cores()))
    scores: dict[str, list[float]] = {}
    for name, runs in by_strategy(found.runs).items():
        scores[name] = [run.metrics.best_score for run in runs if run.metrics.best_score is not None]
    rows = [{"strategy": name, "seeds": SEEDS, "deviation": stdev(of)} for name, of in scores.items()]
    keep(MEASURED / "accuracy_spread.csv", rows, ["strategy"])


if __name__ == "__main__":
    main()
