"""Simulate how much faster than its baseline the cluster of HRFS, the predecessor, is, for each
possible value of the unknowns.

    python -m benchmarks.hrfs_speed_up                            # the tables of docs/from-hrfs.md
    python -m benchmarks.hrfs_speed_up --models resnet18 --gpu-steps 20 --seeds 3
    python -m benchmarks.hrfs_speed_up --profile FILE.csv         # another one that benchmarks.hrfs_profile made

The scenario is examples/hrfs-cluster/with-pipeline.toml. `benchmarks.hrfs_profile` made its
profile. A row is a network, a GPU by the milliseconds of its step, and whether the GPU works beside
the input pipeline or in turn with it. A speed-up is the ratio of the mean makespans. The baseline
trains one trial at a time on the GPU of the head.

"Bound" is the ratio of the lower bounds on makespan, for the baseline's worker and for the workers
of `fusion`. The bounds include training only. Evaluation and other costs may make a speed-up
larger. The last column compares HRFS, which stops at 1,000 iterations, with a baseline that stops
at 2,000. The baseline's script does so.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

import hetsched
from benchmarks.hrfs_profile import GPU_STEPS_MS, MODELS, gpu_type
from hetsched import Scenario

SCENARIO = Path(__file__).parents[1] / "examples" / "hrfs-cluster" / "with-pipeline.toml"
BASELINE = "gpu-only+fifo"
STRATEGIES = ("fusion+hrfs", "fusion+lookahead", "sliced+lookahead")


class Row(NamedTuple):
    """Speed-ups over the baseline: by the bounds, of each strategy of `STRATEGIES`, and of
    `fusion+hrfs` over a baseline that stops at 2,000 iterations."""

    model: str
    step_ms: int
    in_turn: bool
    bound: float
    strategies: tuple[float, ...]
    over_2000: float


def scenario_of(given: Scenario, model: str, step_ms: int, in_turn: bool, stop_iterations: int = 1000) -> Scenario:
    """The scenario with this network, GPU and stop rule."""
    document = given.model_dump(include={"cluster", "workload"}, exclude_unset=True)
    [head] = [node for node in document["cluster"]["nodes"] if node.get("gpus")]
    head["gpu_type"] = gpu_type(step_ms, in_turn)
    [experiment] = document["workload"]["experiments"]
    experiment |= {"model": model, "dataset": MODELS[model], "stop_iterations": stop_iterations}
    return given.replace(**document)


def makespans(scenario: Scenario, strategies: tuple[str, ...], seeds: int) -> dict[str, float]:
    """The mean makespan of each strategy in seconds."""
    runs = hetsched.compare(scenario, strategies, seeds, baseline=strategies[0]).comparisons
    return {name: runs[name].makespan_s.mean for name in strategies}


def row(given: Scenario, model: str, step_ms: int, in_turn: bool, seeds: int) -> Row:
    """Simulate a row."""
    scenario = scenario_of(given, model, step_ms, in_turn)
    found = makespans(scenario, (BASELINE, *STRATEGIES), seeds)
    longer = makespans(scenario_of(given, model, step_ms, in_turn, 2000), (BASELINE,), seeds)
    bounds = hetsched.bound(scenario, (BASELINE, STRATEGIES[0])).by_allocation
    return Row(
        model,
        step_ms,
        in_turn,
        bounds["gpu-only"].makespan_s / bounds["fusion"].makespan_s,
        tuple(found[BASELINE] / found[name] for name in STRATEGIES),
        longer[BASELINE] / found["fusion+hrfs"],
    )


def cells(row: Row) -> list[str]:
    """The row in the form that is printed and that the docs have."""
    what = [row.model, str(row.step_ms), "in turn" if row.in_turn else "beside"]
    return [*what, *(f"{each:.2f}" for each in (row.bound, *row.strategies, row.over_2000))]


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--gpu-steps", nargs="+", type=int, choices=GPU_STEPS_MS, default=GPU_STEPS_MS, metavar="MS")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--profile", type=Path, metavar="FILE.csv", help="default: the scenario's")
    options = parser.parse_args()
    given = hetsched.load_scenario(SCENARIO)
    if options.profile:
        given = given.replace(profile={"sources": [str(options.profile.resolve())], "extrapolate": True})
    table = Table("network", "GPU step [ms]", "pipeline", "bound", *STRATEGIES, "hrfs, baseline of 2,000")
    for model in options.models:
        for in_turn in (False, True):
            for step_ms in options.gpu_steps:
                table.add_row(*cells(row(given, model, step_ms, in_turn, options.seeds)))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
