"""The page of a suite in a browser: its figures have their numbers, by mouse, by keys and as
tables."""

from pathlib import Path

import pytest

from hetsched.report.page.page import write_report
from tests.browser.conftest import PageOf
from tests.browser.figure_tables import table
from tests.report.suites import suite_folder, three_policies

FIGURES = ("suite-ranks", "suite-profile", "suite-target-profile", "suite-decisions")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    targets: dict[str, list[float | None]] = {"fifo": [50.0], "quick": [20.0], "other": [None]}
    folder = tmp_path_factory.mktemp("suites") / "suite"
    return write_report(suite_folder(folder, three_policies(14, 3), targets=targets))


def test_every_figure_says_what_it_shows_and_has_a_table(report: Path, page_of: PageOf) -> None:
    page = page_of(report)
    for figure in FIGURES:
        label = page.get_attribute(f"#{figure} canvas[role=img]", "aria-label") or ""
        assert "quick" in label and len(label) > 60
    pairs = {frozenset((row[0], row[2])): row[5] for row in table(page, "suite-ranks")}
    told = {("quick", "other"): "yes", ("quick", "fifo"): "yes", ("other", "fifo"): "no"}
    assert pairs == {frozenset(pair): apart for pair, apart in told.items()}
    assert ["quick", "0.2", "1"] in table(page, "suite-target-profile")
    assert table(page, "suite-decisions")[0][0] == "quick"


def test_the_keys_go_from_policy_to_policy(report: Path, page_of: PageOf) -> None:
    page = page_of(report, width=400, dark=True)
    for figure, said in (("suite-ranks", "mean rank 1"), ("suite-decisions", "2 ms a call")):
        page.locator(f"#{figure} canvas[role=img]").scroll_into_view_if_needed()
        page.focus(f"#{figure} canvas[role=img]")
        page.keyboard.press("ArrowDown")
        heard = page.inner_text(f"#{figure} .heard")
        assert heard.startswith("quick") and said in heard
    page.locator("#suite-profile canvas[role=img]").scroll_into_view_if_needed()
    page.focus("#suite-profile canvas[role=img]")
    page.keyboard.press("ArrowRight")
    assert "quick: " in page.inner_text("#suite-profile .heard")


def test_a_folder_without_targets_has_no_profile_of_them(tmp_path: Path, page_of: PageOf) -> None:
    page = page_of(write_report(suite_folder(tmp_path / "suite", three_policies(6, 1))))
    assert page.query_selector("#suite-target-profile") is None
    assert "cannot tell 3 policies apart" in page.inner_text("#suite-ranks")
