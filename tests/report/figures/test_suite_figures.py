"""The figures of a suite as files, read from the figures themselves."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

import hetsched
from hetsched.report.page.document import PageSuite
from hetsched.report.page.study import page_of
from tests.report.suites import suite_folder, three_policies

pytest.importorskip("matplotlib", reason="figures need the extra 'figures'")
from matplotlib.lines import Line2D

from hetsched.report.figures.suite import (
    critical_difference,
    decision_time,
    performance_profile,
    target_profile,
)

TARGETS: dict[str, list[float | None]] = {"fifo": [50.0], "quick": [20.0], "other": [None]}


def xs(line: Line2D) -> list[float]:
    return list(np.asarray(line.get_xdata(), dtype=float))


def ys(line: Line2D) -> list[float]:
    return list(np.asarray(line.get_ydata(), dtype=float))


@pytest.fixture
def suite(tmp_path: Path) -> PageSuite:
    suite = page_of(suite_folder(tmp_path / "suite", three_policies(14, 3), targets=TARGETS)).suite
    assert suite is not None
    return suite


def test_the_files_of_a_suite(tmp_path: Path) -> None:
    folder = suite_folder(tmp_path / "suite", three_policies(14, 3), targets=TARGETS)
    names = {"critical-difference", "performance-profile", "target-profile", "decision-time"}
    assert {file.stem for file in hetsched.figures(folder, formats=["svg"])} == names
    without = suite_folder(tmp_path / "without", three_policies(14, 3))
    assert {file.stem for file in hetsched.figures(without, formats=["svg"])} == names - {"target-profile"}


def test_a_bar_joins_the_policies_of_a_clique(suite: PageSuite) -> None:
    figure = critical_difference(suite, 3.33)
    assert figure is not None
    [plot] = figure.axes
    dots, bar = plot.get_lines()
    ranks = {row.policy: row.rank for row in suite.policies}
    assert xs(dots) == [ranks[name] for name in suite.by_rank]
    assert [label.get_text() for label in plot.get_yticklabels()] == suite.by_rank
    places = [suite.by_rank.index(name) for name in suite.cliques[0]]
    top, bottom = ys(bar)
    assert (round(top), round(bottom)) == (min(places), max(places)) == (1, 2)


def test_with_too_few_scenarios_there_is_no_bar_and_it_is_said(suite: PageSuite) -> None:
    figure = critical_difference(replace(suite, scenarios=5, scenarios_needed=7, cliques=[]), 3.33)
    assert figure is not None
    assert len(figure.axes[0].get_lines()) == 1
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "nobody can be told apart: 7 scenarios are needed" in said


def test_a_profile_has_a_step_per_ratio_and_ends_at_the_part_that_got_there(suite: PageSuite) -> None:
    for draw, of in ((performance_profile, "bounds"), (target_profile, "targets")):
        figure = draw(suite, 3.33)
        assert figure is not None
        lines = {str(line.get_label()): line for line in figure.axes[0].get_lines()}
        assert set(lines) == {"fifo", "quick", "other"}
        for row in suite.policies:
            steps = getattr(row, of)
            assert xs(lines[row.policy])[1:-1] == steps.ratio
            assert ys(lines[row.policy])[1:-1] == steps.part
            assert ys(lines[row.policy])[-1] == (steps.part[-1] if steps.part else 0)


def test_decision_time_stands_beside_quality(suite: PageSuite) -> None:
    figure = decision_time(suite, 3.33)
    assert figure is not None
    found = [(xs(line)[0], ys(line)[0]) for line in figure.axes[0].get_lines()]
    assert found == [(pytest.approx(1e3 * (row.decision_s or 0)), row.bound_ratio.mean) for row in suite.policies]
    unknown = [replace(row, decision_s=None) for row in suite.policies]
    assert decision_time(replace(suite, policies=unknown), 3.33) is None
