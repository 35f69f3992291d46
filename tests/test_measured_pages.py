"""Pages whose figures come from files: their tables are those of the files."""

import re

import pytest

from benchmarks.kept_rows import MEASURED, read
from benchmarks.pages.pages import PAGES, ROOT, TABLES
from benchmarks.pages.tables import Maker, filled, named
from hetsched.studies.driver_load import DRIVER_S

WRITTEN = """Above.

<!-- table: speeds -->

| policy | speed |
| --- | --- |
| `a` | 1.0 |

Below.
"""


def test_a_table_is_made_anew_below_its_name() -> None:
    tables: dict[str, Maker] = {"speeds": lambda: [("policy", "speed"), ("`a`", "1.0")]}
    empty = "Above.\n\n<!-- table: speeds -->\n\nBelow.\n"
    assert filled(empty, tables) == WRITTEN
    assert filled(WRITTEN, tables) == WRITTEN


def test_a_name_without_a_table_is_refused() -> None:
    with pytest.raises(KeyError, match="speeds"):
        filled(WRITTEN, {})


@pytest.mark.parametrize("name", PAGES)
def test_the_figures_of_a_page_are_those_of_its_files(name: str) -> None:
    """If they differ: python -m benchmarks.pages."""
    page = (ROOT / name).read_text()
    assert filled(page, TABLES) == page


def test_run_warns_of_a_driver_that_is_as_fast_as_measured() -> None:
    [row] = [row for row in read(MEASURED / "driver.csv") if (row["driver"], row["workers"]) == ("hetsched", "8")]
    assert pytest.approx(float(row["cpu_ms"]) / 1000, rel=0.05) == DRIVER_S


def test_every_table_has_a_page() -> None:
    names = [name for page in PAGES for name in named((ROOT / page).read_text())]
    assert sorted(names) == sorted(TABLES)


def test_nothing_is_typed_by_hand_in_the_page_of_speeds() -> None:
    """Outside of tables that are made, the page has no decimals, and no dates."""
    page = re.sub(r"<!-- table: [\w-]+ -->\n\n(?:\|.*\n)*", "", (ROOT / "docs/performance.md").read_text())
    page = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    assert not re.findall(r".*(?<!Python )\b\d+\.\d.*", page)
    assert not re.findall(r"20\d\d-\d\d-\d\d", page)
