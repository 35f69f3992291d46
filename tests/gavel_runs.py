"""Runs of Gavel's own simulator, and their settings as scenarios: see data/gavel/README.md."""

import csv
from pathlib import Path

from hetsched.scenario.loading import load
from hetsched.scenario.scenario import Setup

DATA = Path(__file__).parent / "data" / "gavel"
EXAMPLE = Path(__file__).parents[1] / "examples" / "gavel.toml"
TYPES = ("v100", "p100", "k80")
NAMES = {
    "fifo_perf": "gavel-fifo",
    "isolated": "gavel-isolated",
    "max_min_fairness_perf": "gavel-las",
    "min_total_duration_perf": "gavel-makespan",
    "finish_time_fairness_perf": "gavel-ftf",
    "allox": "allox",
    "max_min_fairness": "gavel-las-blind",
    "min_total_duration": "gavel-makespan-blind",
    "finish_time_fairness": "gavel-ftf-blind",
}
CLOSE = {
    "fifo_perf": (0.0, 0.0),
    "isolated": (0.01, 0.001),
    "max_min_fairness_perf": (0.02, 0.02),
    "min_total_duration_perf": (0.03, 0.06),
    "finish_time_fairness_perf": (0.05, 0.05),
    "allox": (0.05, 0.05),
    "max_min_fairness": (0.05, 0.05),
    "min_total_duration": (0.05, 0.05),
    "finish_time_fairness": (0.05, 0.05),
}
"""How far makespan and mean completion time may be from Gavel's beyond 0.01 s, relatively: the
optima of linear programs leave freedom, and so do exact ties."""


def rows(file: str) -> list[dict[str, str]]:
    with (DATA / file).open(newline="") as lines:
        return list(csv.DictReader(lines))


def trace_file(name: str) -> Path:
    """One trace is beside the example, which has it, too; the others are with the data."""
    beside = EXAMPLE.with_name(f"{name}.csv")
    return beside if beside.is_file() else DATA / "traces" / beside.name


def gavel_scenario(run: dict[str, str]) -> Setup:
    """The setting of a row of results.csv."""
    policy = NAMES[run["policy"]]
    options = {"round_s": float(run["round_s"]), "reallocation_s": float(run["min_realloc_s"])}
    if policy == "gavel-isolated" or policy.endswith("-blind"):
        options["seed"] = int(run["seed"])
    scenario = load(EXAMPLE)
    nodes = [
        table.model_copy(update={"cores": int(run[name]), "gpus": int(run[name])})
        for table, name in zip(scenario.cluster.nodes, TYPES, strict=True)
    ]
    trace = trace_file(run["trace"])
    return scenario.replace(
        cluster=scenario.cluster.model_copy(update={"nodes": nodes}),
        workload=scenario.workload.model_copy(update={"trace": str(trace)}),
        scheduling={policy: options},
    ).resolve()
