"""Bounds on the cluster of HRFS without its input pipeline, and what `lookahead` gains there in
simulation. Keeps the rows of a table of docs/validation.md.

    python -m benchmarks.hrfs_bounds
"""

from pathlib import Path

import hetsched
from benchmarks.kept_rows import MEASURED, keep

SCENARIO = Path(__file__).parents[1] / "examples/hrfs-cluster/hrfs-cluster.toml"
BASELINE = "uniform+fifo"
LOOKAHEAD = {"uniform": None, "fusion": "fusion+lookahead", "any": "sliced+lookahead"}
"""The simulated strategy beside each bound."""


def main() -> None:
    scenario = hetsched.load_scenario(SCENARIO)
    found = hetsched.bound(scenario).document()
    seconds = {**found["by_allocation_s"], "any": found["bound_s"]}
    strategies = [strategy for strategy in LOOKAHEAD.values() if strategy]
    runs = hetsched.compare(scenario, strategies, baseline=BASELINE).comparisons
    rows = [
        {
            "workers": name,
            "bound_s": seconds[name],
            "most": seconds["uniform"] / seconds[name],
            "strategy": strategy,
            "gain": runs[BASELINE].makespan_s.mean / runs[strategy].makespan_s.mean if strategy else None,
        }
        for name, strategy in LOOKAHEAD.items()
    ]
    keep(MEASURED / "hrfs_bounds.csv", rows, ["workers"])


if __name__ == "__main__":
    main()
