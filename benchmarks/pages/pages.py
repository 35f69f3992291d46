"""The pages with tables from files, and all these tables."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.pages import (
    bounds,
    learning,
    performance,
    planning,
    policies,
    real_runs,
    scenarios,
    statistics,
    suite,
    validation,
)
from benchmarks.pages.tables import Maker

ROOT = Path(__file__).parents[2]

FAMILIES = ("planning", "queueing", "packages", "shares", "matching", "stopping", "allocation")

OF_POLICIES = [f"docs/policies/{name}.md" for name in ("README", *FAMILIES)]

OTHERS = [
    f"docs/{name}.md"
    for name in (
        "performance",
        "suite",
        "learning",
        "planning",
        "bounds",
        "validation",
        "statistics",
        "real-runs",
        "scenarios",
        "ray-tune-dropin",
    )
]

PAGES = [*OF_POLICIES, *OTHERS]

TABLES: Mapping[str, Maker] = {
    name: maker
    for page in (policies, performance, suite, learning, planning, bounds, validation, statistics, real_runs, scenarios)
    for name, maker in page.TABLES.items()
}
