"""The page of a suite: what its figures are drawn from."""

from pathlib import Path

import msgspec
import pytest

from hetsched.report.page.encoding import document
from hetsched.report.page.page import html
from hetsched.report.page.study import page_of
from hetsched.report.page.suite import MOST_LINES
from tests.report.suites import suite_folder, three_policies


def test_a_page_has_ranks_cliques_pairs_and_profiles(tmp_path: Path) -> None:
    targets: dict[str, list[float | None]] = {"fifo": [50.0, None], "quick": [20.0, 40.0], "other": [None, None]}
    page = page_of(suite_folder(tmp_path / "suite", three_policies(14, 3), targets=targets))
    assert page.suite is not None
    assert page.suite.by_rank[0] == "quick" and len(page.suite.cliques) == 1
    assert set(page.suite.cliques[0]) == {"fifo", "other"}
    assert [pair.apart for pair in page.suite.pairs] == [True, True, False]
    rows = {row.policy: row for row in page.suite.policies}
    assert rows["quick"].bounds.part[-1] == 1.0
    assert rows["quick"].decision_s == pytest.approx(0.002)
    found = {name: (row.targets.ratio, row.targets.part) for name, row in rows.items() if row.targets is not None}
    assert found == {"quick": ([0.2, 0.4], [0.5, 1.0]), "fifo": ([0.5], [0.5]), "other": ([], [])}
    assert "suite-ranks" in html(page)
    assert msgspec.json.decode(document(page))["suite"]["by_rank"] == page.suite.by_rank


def test_without_targets_there_is_no_profile_of_them(tmp_path: Path) -> None:
    page = page_of(suite_folder(tmp_path / "suite", three_policies(6, 3)))
    assert page.suite is not None
    assert [row.targets for row in page.suite.policies] == [None] * 3


def test_the_baseline_and_ones_own_always_have_a_line(tmp_path: Path) -> None:
    """Also among many that are better."""
    ratios = {"fifo": [[9.0]] * 6, "mine": [[8.0]] * 6}
    shipped = ["lookahead", "srtf", "lpt", "sia", "hrfs", "las", "era"]
    ratios |= {name: [[1.0 + place]] * 6 for place, name in enumerate(shipped)}
    page = page_of(suite_folder(tmp_path / "suite", ratios))
    assert page.suite is not None
    drawn = [row.policy for row in page.suite.policies if row.drawn]
    assert len(drawn) == MOST_LINES
    assert drawn == [*shipped[: MOST_LINES - 2], "mine", "fifo"]
