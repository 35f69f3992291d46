"""The runs of the suite from which tables are made, by policy and scenario."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import geometric_mean

from benchmarks.kept_rows import MEASURED, read
from hetsched.scenario.packaged.suite import RESULTS, held_out_names, suite_names
from hetsched.studies.suite.record import WHOLE

WITHOUT_COSTS = MEASURED / "suite_without_costs.csv"
"""Written by `python -m benchmarks.suite_without_costs`."""

BySeed = Mapping[str, Sequence[float]]
"""A figure by scenario, and then in the order of the seeds."""

RATIO = "workers_bound_ratio"
"""The column with makespan / bound of the workers."""


@cache
def figures(column: str, held_out: bool = False) -> Mapping[str, BySeed]:
    """By policy, a figure of the package's runs on the suite's scenarios, or on those that it holds
    out: with overheads and noise."""
    scenarios = held_out_names() if held_out else suite_names()
    found: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with RESULTS.open(newline="") as file:
        runs = sorted(csv.DictReader(file), key=lambda row: (row["policy"], row["scenario"], int(row["seed"])))
    for row in runs:
        if row["scenario"] in scenarios:
            found[row["policy"]][row["scenario"]].append(float(row[column]))
    return found


@cache
def ranked() -> Sequence[str]:
    """The policies that train all iterations."""
    shares = figures("trained")
    return [name for name in shares if all(part > 1 - WHOLE for of_one in shares[name].values() for part in of_one)]


@cache
def with_costs() -> Mapping[str, Mapping[str, float]]:
    """Makespan / bound by policy and scenario, with overheads and noise: the geometric mean over
    the seeds."""
    found = figures(RATIO)
    return {policy: {name: geometric_mean(of_one) for name, of_one in found[policy].items()} for policy in ranked()}


@cache
def without_costs() -> Mapping[str, Mapping[str, float]]:
    """Makespan / bound by policy and scenario, without overheads and noise."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in read(WITHOUT_COSTS):
        if row["scenario"] in suite_names():
            found[row["policy"]][row["scenario"]] = float(row["ratio"])
    return found
