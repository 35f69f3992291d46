"""What stands under the table of a comparison."""

import re
from pathlib import Path
from shlex import split

import pytest
from rich.table import Table

from hetsched.cli.main import main
from hetsched.report.legend import (
    ABLATION,
    AGREEMENT,
    BEST,
    BOUNDS,
    BY_AREA,
    COMPARISON,
    LARGE,
    PLAN,
    RUNS,
    Overhead,
    legend,
    overhead,
    suite_legend,
    where_time_goes,
)
from hetsched.report.plan_tables import plan_table
from hetsched.report.suite_tables import policies_table
from hetsched.report.tables import ablation_table, agreement_table, bound_table, comparison_table, runs_table
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.suite.suite import suite_in
from tests.conftest import ROWS
from tests.report.suites import suite_folder, three_policies

SCENARIO = """
name = "small"
strategies = ["uniform+fifo", "fusion+hrfs"]
seeds = 2
profile.sources = ["p.csv"]
cluster.nodes = [{ name = "box", cores = 2, count = 2 }]
overheads = { start_up = false, restore = false, checkpoint = false, evaluation = EVALUATION, noise = false }
workload.experiments = [
    { name = "e", batch_size = 32, population = 4, stop_iterations = 20, pbt = { perturbation_interval = 1 } },
]
"""


def compared(folder: Path, evaluation: bool, *options: str) -> None:
    write_profile(folder / "p.csv", ROWS)
    (folder / "s.toml").write_text(SCENARIO.replace("EVALUATION", "true" if evaluation else "false"))
    assert main(["compare", str(folder / "s.toml"), "--jobs", "1", "--out", str(folder / "out"), *options]) == 0


def test_every_column_has_a_line() -> None:
    assert headings(comparison_table({}, "", arriving=True)) == list(COMPARISON)
    assert headings(runs_table([])) == list(RUNS)
    assert headings(bound_table({}, {})) == list(BOUNDS)
    assert headings(agreement_table({})) == list(AGREEMENT)
    assert headings(plan_table({})) == list(PLAN)
    assert headings(ablation_table({})) == ["best score" if column == BEST else column for column in ABLATION]


@pytest.mark.parametrize("seeds", [1, 2])
def test_every_column_of_a_suite_has_a_line(seeds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = three_policies(2, seeds)
    suite_folder(tmp_path / "out", result)
    assert main(["show", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    for line in suite_legend("fifo", tested=seeds > 1).splitlines():
        assert line in printed
    named = [line.partition("  ")[0] for line in suite_legend("fifo", tested=seeds > 1).splitlines()]
    assert headings(policies_table(suite_in(tmp_path / "out"))) == named


def test_the_bound_of_whole_strategies_is_of_any_allocation() -> None:
    """The legend said "on these workers"."""
    said = suite_legend("uniform+fifo", tested=True, any_allocation=True)
    assert "of any schedule under any allocation, as whole strategies take part: the mean" in said
    assert "these workers" not in said and "on these workers" in suite_legend("fifo", tested=True)


def test_only_where_trials_arrive_over_time_is_a_response_time_weighed_by_area() -> None:
    assert headings(comparison_table({}, "")) == [column for column in COMPARISON if column != BY_AREA]
    assert BY_AREA in legend(COMPARISON, arriving=True) and BY_AREA not in legend(COMPARISON)


def headings(table: Table) -> list[str]:
    """Of a table, in one line each."""
    broken = {"speed-\n": "speed-", "utili-\n": "utili", "\n": " "}
    found = [str(column.header) for column in table.columns]
    for gap, whole in broken.items():
        found = [heading.replace(gap, whole) for heading in found]
    return found


def test_the_columns_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared(tmp_path, False)
    printed = capsys.readouterr().out
    assert BY_AREA not in printed, "all trials are there at the start"
    for column, says in COMPARISON.items():
        if column == BY_AREA:
            continue
        shown = "best accuracy" if column == BEST else column
        assert re.search(rf"^{re.escape(shown)} +{re.escape(says)}$", printed, re.M), column
    assert "--ablate" not in printed


def test_a_large_overhead_is_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared(tmp_path, True)
    printed = capsys.readouterr().out
    said = re.search(
        r"^(\S+): (\d+)% of the time in segments is not training [(]seed 0[)]; what takes it:\n  (hetsched .*)$",
        printed,
        re.M,
    )
    assert said is not None
    share, segments, whole = overhead(tmp_path / "out" / said[1] / "seed-0" / "events.jsonl")
    assert segments == 4 * 20 and whole
    assert share > LARGE and said[2] == f"{100 * share:.0f}"
    assert main([*split(said[3])[1:], "--out", str(tmp_path / "ablation")]) == 0


def test_a_share_of_a_part_of_a_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared(tmp_path, True)
    monkeypatch.setattr("hetsched.report.legend.ENOUGH", 50)
    logs = {"fusion+hrfs": tmp_path / "out" / "fusion+hrfs" / "seed-1" / "events.jsonl"}
    found = where_time_goes(logs, 1, Path("s.toml"))
    assert found is not None and re.search(r" is not training [(]seed 1, the first \d+ segments[)]; ", found[0])


def test_of_strategies_with_the_same_overhead_the_first_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = {Path("a"): 0.3, Path("b"): 0.1 + 0.2}
    monkeypatch.setattr("hetsched.report.legend.overhead", lambda log: Overhead(shares[log], 1, True))
    found = where_time_goes({"first": Path("a"), "second": Path("b")}, 0, Path("s.toml"))
    assert found is not None and found[0].startswith("first: ")
