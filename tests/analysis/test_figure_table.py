"""One table of figures: what `Metrics` and `Comparison` have and what the docs say follow from
it."""

import re
from pathlib import Path

import msgspec

from hetsched.analysis.figure_table import FIGURES, Average
from hetsched.analysis.intervals import Spread
from hetsched.analysis.metrics import Metrics
from hetsched.studies.comparison import Comparison

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
OF_METRICS = {field.name: field.type for field in msgspec.structs.fields(Metrics)}
OF_COMPARISON = {field.name: field.type for field in msgspec.structs.fields(Comparison)}

ONLY_COMPARED = {
    "makespan_vs_baseline",
    "speedup_vs_baseline",
    "verdict",
    "mean_jct_vs_baseline",
    "target_reached",
    "decision_s",
}
"""What a comparison says besides the figures of the runs."""


def test_a_run_has_the_figures_of_the_table_in_their_order() -> None:
    assert list(OF_METRICS) == ["strategy", "seed", *(figure.key for figure in FIGURES), "workers"]


def test_a_comparison_averages_the_figures_as_the_table_says() -> None:
    averaged = {figure.key: figure.average for figure in FIGURES if figure.average is not Average.NONE}
    assert OF_COMPARISON.keys() - ONLY_COMPARED == averaged.keys()
    for key, average in averaged.items():
        wanted = {Average.SPREAD: Spread, Average.MEAN: float, Average.MEAN_OF_KNOWN: float | None}
        assert OF_COMPARISON[key] == wanted.get(average, OF_METRICS[key]), key


def test_a_figure_that_a_run_may_lack_is_averaged_over_those_that_have_it() -> None:
    """All others are there in every simulation."""
    for figure in FIGURES:
        if figure.average is Average.MEAN_OF_KNOWN:
            assert OF_METRICS[figure.key] == float | None, figure.key


def test_seconds_end_in_s() -> None:
    assert {figure.key for figure in FIGURES if figure.unit == "s"} == {key for key in OF_METRICS if key.endswith("_s")}


def test_the_page_has_the_table() -> None:
    row = re.compile(r"^\| `(\w+)` \| ([^|]*)\| ([^|]*)\| (.*) \|$", re.MULTILINE)
    section = PAGE.read_text().partition("## Metrics")[2]
    told = [(key, unit.strip(), average.strip(), meaning) for key, unit, average, meaning in row.findall(section)]
    assert told == [(figure.key, figure.unit, figure.average.value, figure.meaning) for figure in FIGURES]
