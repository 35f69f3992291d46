"""The pages with tables from files, and all these tables."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.pages import performance, policies
from benchmarks.pages.tables import Maker

ROOT = Path(__file__).parents[2]

FAMILIES = ("planning", "queueing", "packages", "shares", "matching", "stopping", "allocation")

OF_POLICIES = [f"docs/policies/{name}.md" for name in ("README", *FAMILIES)]

PAGES = ["docs/performance.md", *OF_POLICIES]

TABLES: Mapping[str, Maker] = {**performance.TABLES, **policies.TABLES}
