"""The pages with tables from files, and all these tables."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.pages import bounds, learning, performance, suite, validation
from benchmarks.pages.tables import Maker

ROOT = Path(__file__).parents[2]

PAGES = ["docs/performance.md", "docs/suite.md", "docs/learning.md", "docs/bounds.md", "docs/validation.md"]

TABLES: Mapping[str, Maker] = {
    **performance.TABLES,
    **suite.TABLES,
    **learning.TABLES,
    **bounds.TABLES,
    **validation.TABLES,
}
