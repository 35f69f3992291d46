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


def text_of(page: str) -> str:
    """A page without blocks of code, and without tables that are made or cited."""
    page = re.sub(r"<!-- (?:table|written by|cited): [^>]*-->\n\n(?:\|.*\n)*", "", page)
    return re.sub(r"```.*?```", "", page, flags=re.DOTALL)


def test_nothing_is_typed_by_hand_in_the_page_of_speeds() -> None:
    """Outside of tables that are made, the page has no decimals, and no dates."""
    page = text_of((ROOT / "docs/performance.md").read_text())
    assert not re.findall(r".*(?<!Python )\b\d+\.\d.*", page)
    assert not re.findall(r"20\d\d-\d\d-\d\d", page)


FIGURE = re.compile(r"\b\d+(?:\.\d+)?%|\b\d+(?:\.\d+)? (?:[mu]?s|minutes|[KM]i?B)\b|\b\d+\.\d+")

RULES = {
    "validation": {
        *("95%", "3%", "5%", "6%", "10%", "0.03", "0.05", "45 s"),  # levels, and what was asked
        *("0.8", "0.96", "0.5 s"),  # least correlations; the pace of a benchmark
        *("1.55", "1.96"),  # tests/test_readme.py computes them
    },
    "real-runs": {
        *("5%", "10%"),  # from where a run names a difference
        *("30 s", "60 s", "120 s", "128 KiB"),  # limits, and an example
    },
    "statistics": {
        *("95%", "1%", "2%", "5%", "0.05"),  # levels and limits
        *("0.8", "0.996", "1.006", "1.042", "1.3", "1.370", "1.372"),  # examples of verdicts
        *("0.3%", "59%"),  # computed: the error of a share of 4,000, and 0.9 to the power of 5
        *("8%", "10.1145", "2510.01256"),  # of equal sizes; numbers of papers
    },
    "learning": {
        *("0.0003", "0.98", "0.93", "0.029", "0.5"),  # ranges, constants, a limit of the benchmark
        "0.02",  # the default noise of an accuracy
        *("0.1", "0.9"),  # where the default curve of multi-power begins and ends
        *("10 s", "57 s", "25 minutes"),  # how long the package's recordings took
        *("2.11", "2.15", "2503.12811"),  # versions of torch; the number of a paper
    },
    "scenarios": {"360 s", "920 s"},  # Gavel's rounds
    "ray-tune-dropin": {"0.8 s", "2.60"},  # the step of the benchmark; a version of Ray
}
"""By page the figures outside of made tables: parameters of rules, levels, examples."""


@pytest.mark.parametrize("name", RULES)
def test_no_result_is_typed_by_hand(name: str) -> None:
    """Results are in tables that are made from files: decimals, percentages and measured units. Code
    and formulas in a line do not count."""
    page = re.sub(r"`[^`]*`|\$[^$]*\$", "", text_of((ROOT / f"docs/{name}.md").read_text()))
    assert set(FIGURE.findall(page)) <= RULES[name]
