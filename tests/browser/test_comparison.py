"""The page of a comparison and of a validation in a browser: its numbers are the study's, by mouse
and by keys."""

from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.report.page.page import write_report
from tests.browser.conftest import PageOf
from tests.browser.figure_tables import table
from tests.report.page.studies import STRATEGIES, compared, validated

FIGURES = ("bound-ratio", "differences", "metric-over-time", "decision-time")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> hetsched.ComparisonResult:
    result = compared(tmp_path_factory.mktemp("compared") / "c")
    write_report(result.folder)
    return result


def four_digits(number: float) -> Any:
    return pytest.approx(number, rel=1e-3)


def test_every_figure_has_the_studys_numbers(comparison: hetsched.ComparisonResult, page_of: PageOf) -> None:
    page = page_of(comparison.folder / "report.html")
    bounds = {row[0]: [float(cell) for cell in row[1:] if cell] for row in table(page, "bound-ratio")}
    speedups = {row[0]: [float(cell) for cell in row[1:] if cell] for row in table(page, "differences")}
    assert list(bounds) == STRATEGIES and list(speedups) == STRATEGIES[1:]
    for name, figures in comparison.comparisons.items():
        ratios = [run.metrics.bound_ratio for run in comparison.by_strategy[name]]
        assert bounds[name][0] == four_digits(figures.bound_ratio)
        assert bounds[name][-3:] == [four_digits(ratio) for ratio in ratios if ratio is not None]
        paired = figures.makespan_vs_baseline
        if paired is not None and paired.ci95 is not None:
            assert speedups[name][:3] == [four_digits(number) for number in (paired.ratio, *paired.ci95)]
    for figure in FIGURES:
        label = page.get_attribute(f"#{figure} canvas[role=img]", "aria-label") or ""
        assert len(label) > 40 and STRATEGIES[2] in label


def test_the_verdicts_the_facts_and_the_table_of_the_terminal(
    comparison: hetsched.ComparisonResult, page_of: PageOf
) -> None:
    page = page_of(comparison.folder / "report.html")
    text = page.inner_text("body")
    assert all(f"{name}: {verdict}" in text for name, verdict in comparison.verdicts.items())
    assert "from Python" in text and f"hetsched {hetsched.__version__}" in text
    assert [row[0] for row in table(page, "table-0")] == ["uniform+fifo (baseline)", *STRATEGIES[1:]]
    assert page.get_attribute("a:text('results.csv')", "href") == "./results.csv"


def test_a_dot_tells_its_seed_to_the_mouse_and_to_the_keys(
    comparison: hetsched.ComparisonResult, page_of: PageOf
) -> None:
    page = page_of(comparison.folder / "report.html")
    canvas = page.locator("#differences canvas[role=img]")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    assert "seed 0: " in page.inner_text("#differences .heard")
    page.keyboard.press("ArrowRight")
    heard = page.inner_text("#differences .heard")
    assert heard.startswith(f"{STRATEGIES[1]}. seed 1: ")
    makespans = [comparison.comparisons[name].makespan_s.per_seed[1] for name in STRATEGIES[:2]]
    assert float(heard.rpartition(": ")[2].rstrip("x")) == four_digits(makespans[0] / makespans[1])
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#differences .heard").startswith(f"{STRATEGIES[2]}. ")
    told = page.locator("#differences .tip")
    assert told.is_visible()
    page.keyboard.press("Escape")
    assert not told.is_visible()


def test_the_metric_against_time_is_told_for_all_strategies(
    comparison: hetsched.ComparisonResult, page_of: PageOf
) -> None:
    page = page_of(comparison.folder / "report.html")
    canvas = page.locator("#metric-over-time canvas[role=img]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] / 2)
    told = page.inner_text("#metric-over-time .tip")
    for name, figures in comparison.comparisons.items():
        [line] = [line for line in told.splitlines() if line.startswith(name)]
        assert float(line.rpartition(" ")[2]) == four_digits(figures.best_score or 0.0)


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (400, True)])
def test_nothing_is_wider_than_the_screen(
    width: int, dark: bool, comparison: hetsched.ComparisonResult, page_of: PageOf
) -> None:
    page = page_of(comparison.folder / "report.html", width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_run_of_each_strategy_can_be_chosen(comparison: hetsched.ComparisonResult, page_of: PageOf) -> None:
    page = page_of(comparison.folder / "report.html")
    offered = [option.inner_text() for option in page.query_selector_all("#choice option")]
    assert offered == [f"{name}, seed 0 (sim)" for name in STRATEGIES]
    assert "the run under the first seed" in page.inner_text("body")
    page.select_option("#choice", index=2)
    assert STRATEGIES[2] in page.inner_text("#gantt h3")


def test_a_validation_has_both_gantts_on_one_axis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_of: PageOf
) -> None:
    result = validated(tmp_path / "v", tmp_path, monkeypatch)
    page = page_of(write_report(result.folder))
    ends = page.evaluate("hetsched.document.runs.map((run) => run.end_s)")
    assert page.evaluate("hetsched.view.end") >= max(ends)
    page.select_option("#choice", index=3)
    for which in ("predicted", "measured"):
        assert page.inner_text(f"#gantt-{which} h3") == f"{STRATEGIES[1]}, seed 0: {which}"
    assert page.locator("#gantt-of-run").count() == 0
    errors = {row[0]: row[1] for row in table(page, "errors")}
    for name, found in result.agreements.items():
        assert float(errors[name]) == pytest.approx(found.makespan_s.error_percent, rel=1e-3, abs=1e-3)
    rows = table(page, "predicted-measured")
    assert [float(row[1]) for row in rows] == [four_digits(a.makespan_s.predicted) for a in result.agreements.values()]
    for which in ("best", "mean"):
        ends = {row[0]: float(row[2]) for row in table(page, f"{which}-over-time")}  # the last row of each line stays
        for name, scores in result.scores.items():
            end = getattr(scores.moments[-1], which)
            assert ends[f"{name}, predicted"] == four_digits(end.predicted)
            assert ends[f"{name}, measured"] == four_digits(end.measured)
