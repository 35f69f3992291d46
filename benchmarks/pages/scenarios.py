"""The table of docs/scenarios.md."""

from collections.abc import Mapping

from benchmarks.pages.tables import Maker, measured

PUBLISHED = {
    "scenario": "`{scenario}`",
    "jobs": "{jobs:,.0f}",
    "bound of the makespan [s]": "{bound_s:,.1f}",
    "`bound` [CPU s]": "{bound_cpu_s:.1f}",
    "policy": "`{strategy}`",
    "`simulate` [CPU s]": "{simulate_cpu_s:.1f}",
    "memory [MiB]": "{memory_mib:.0f}",
}

TABLES: Mapping[str, Maker] = {"published-clusters": measured("published_clusters.csv", PUBLISHED)}
