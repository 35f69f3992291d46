"""What is printed of a suite: its columns, and the lines that say what the tables do not."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from rich.table import Table

from hetsched.report.page.suite import MOST_LINES, page_suite
from hetsched.report.suite_tables import policies_table, remarks
from hetsched.studies.suite.result import SuiteResult
from hetsched.studies.suite.stability import without_one
from hetsched.studies.suite.suite import suite_in
from tests.report.suites import suite_folder, three_policies


def result(folder: Path, scenarios: int, seeds: int) -> SuiteResult:
    return suite_in(suite_folder(folder / "suite", three_policies(scenarios, seeds)))


def column(table: Table, heading: str) -> list[str] | None:
    """The cells of the column, None where there is none."""
    found = [list(map(str, one.cells)) for one in table.columns if str(one.header).replace("\n", " ") == heading]
    return found[0] if found else None


def test_with_one_seed_nothing_is_won_or_lost(tmp_path: Path) -> None:
    one = result(tmp_path, 6, 1)
    assert column(policies_table(one), "wins alike losses open") is None
    assert column(policies_table(one), "beats it") == ["100%", "50%", ""]
    assert "1 seed: a test of wins and losses needs 3 seeds" in list(remarks(one))


def test_with_three_seeds_wins_are_counted(tmp_path: Path) -> None:
    three = result(tmp_path, 6, 3)
    assert column(policies_table(three), "wins alike losses open") == ["6 0 0 0", "3 0 3 0", ""]
    assert not any("seeds" in line for line in remarks(three))


def test_below_six_scenarios_there_are_no_intervals_and_it_is_said(tmp_path: Path) -> None:
    few, enough = (result(tmp_path / str(n), n, 3) for n in (5, 6))
    line = "5 scenarios: no intervals over scenarios; they need 6"
    assert line in list(remarks(few))
    assert not any("intervals" in line for line in remarks(enough))
    for found, there in ((few, False), (enough, True)):
        cells = column(policies_table(found), "x bound, interquartile mean")
        assert cells is not None and all((".." in cell) == there for cell in cells)
        assert all((one.speedup.ci95 is not None) == there for one in found.over_scenarios.values())


def test_too_few_scenarios_say_that_they_cannot_tell_policies_apart(tmp_path: Path) -> None:
    few, enough = (list(remarks(result(tmp_path / str(n), n, 3))) for n in (6, 7))
    assert "6 scenarios cannot tell 3 policies apart, whatever the figures: 7 are needed" in few
    assert not any(line.startswith("not told apart") for line in few)
    assert "not told apart by 7 scenarios: fifo, other" in enough


def test_one_scenario_has_no_order_without_it(tmp_path: Path) -> None:
    assert not any("order" in line for line in remarks(result(tmp_path / "one", 1, 3)))
    ratios = {name: of_one for name, of_one in three_policies(8, 3).items() if name != "other"}
    two = suite_in(suite_folder(tmp_path / "eight", ratios))
    assert "the order stays whichever scenario is left out" in list(remarks(two))


def test_policies_that_tie_elsewhere_keep_their_order(tmp_path: Path) -> None:
    """The baseline comes first in the plan, and so did where figures are equal."""
    ratios = {"fifo": [[2.0] * 3, [1.5] * 3, [1.2] * 3], "quick": [[1.0] * 3, [1.5] * 3, [1.2] * 3]}
    found = suite_in(suite_folder(tmp_path / "suite", ratios))
    assert found.ranked == ["quick", "fifo"]
    assert found.order_without == {}
    plan = replace(found.plan, held_out=["s1"], scenarios=dict.fromkeys(("s0", "s1", "s2"), "0"))
    assert dataclasses.replace(found, plan=plan).held_out_order == ["quick", "fifo"]


def test_a_target_that_no_run_reaches_keeps_the_profile_below_1(tmp_path: Path) -> None:
    ratios = {"fifo": [[2.0] * 3, [2.0] * 3], "quick": [[1.0] * 3, [1.0] * 3]}
    reached = {"fifo": [50.0, None], "quick": [50.0, None]}
    found = suite_in(suite_folder(tmp_path / "suite", ratios, targets=reached))
    assert found.over_scenarios["quick"].target_profile[-1][1] == 1.0
    both = dataclasses.replace(found, plan=replace(found.plan, targets=["s0", "s1"]))
    assert both.over_scenarios["quick"].target_profile[-1][1] == 0.5


MISSED = "no run has a score by its deadline, 1 s"


def test_what_no_run_of_a_scenario_has_is_said_once(tmp_path: Path) -> None:
    """Comparisons of several scenarios said nothing of deadlines, budgets and faults."""
    found = result(tmp_path, 4, 2)
    plan = replace(found.plan, assumed={f"s{n}": ["x"] for n in range(4)})

    def said(missed: dict[str, list[str] | None]) -> list[str]:
        records = [replace(run, missed=missed.get(run.scenario, [])) for run in found.records]
        return [line for line in remarks(dataclasses.replace(found, plan=plan, records=records)) if "deadline" in line]

    assert said({"s1": [MISSED], "s3": ["no run", MISSED]}) == [f"in 2 of 4 scenarios (s1, s3): {MISSED}"]
    assert said({"s1": [MISSED]}) == [f"s1: {MISSED}"]
    assert said({"s1": None}) == []
    assert "in 4 of 4 scenarios (s0, s1, s2, ...): x" in list(remarks(dataclasses.replace(found, plan=plan)))


def test_what_one_run_of_a_scenario_has_is_not_missed(tmp_path: Path) -> None:
    """A run that an older version kept says nothing: nobody knows what it had."""
    found = result(tmp_path, 1, 2)
    plan = replace(found.plan, assumed={"s0": []})
    others: list[list[str] | None] = [[], None]
    for other in others:
        records = [replace(run, missed=[MISSED]) for run in found.records[1:]]
        whole = dataclasses.replace(found, plan=plan, records=[replace(found.records[0], missed=other), *records])
        assert whole.missed == {"s0": []} and whole.document()["warnings"] == {}


def test_limits_that_copies_are_beyond_are_said_once(tmp_path: Path) -> None:
    found = result(tmp_path, 3, 1)
    behind = {("s0", "fifo"): 50, ("s0", "quick"): 60, ("s2", "fifo"): 70}
    records = [replace(r, beyond={"L": behind[r.cell[:2]]} if r.cell[:2] in behind else {}) for r in found.records]
    plan = replace(found.plan, assumed={"s0": ["x"], "s1": [], "s2": []})
    whole = dataclasses.replace(found, plan=plan, records=records)
    copied = "L; by copies, best weights have up to {} iterations behind them"
    assert whole.document()["assumptions"] == {"s0": ["x", copied.format(60)], "s1": [], "s2": [copied.format(70)]}
    assert f"in 2 of 3 scenarios (s0, s2): {copied.format(70)}" in list(remarks(whole))


def test_scenarios_without_which_the_order_changes_are_named() -> None:
    said = without_one(["a", "b", "c"], {"x": ["a", "c", "b"], "y": ["a", "c", "b"]})
    assert said == "the order changes from place 2 on without x, or without y"


def test_the_document_has_every_pair_and_corrected_differences(tmp_path: Path) -> None:
    document = msgspec.json.decode(msgspec.json.encode(result(tmp_path, 14, 5).document()))
    pairs = {frozenset(pair["policies"]): pair for pair in document["pairs"]}
    assert len(pairs) == 3
    assert pairs[frozenset({"quick", "fifo"})]["apart"] and not pairs[frozenset({"other", "fifo"})]["apart"]
    differences = [of_one["to_baseline"] for of_one in document["policies"]["quick"]["scenarios"].values()]
    least = min(differences, key=lambda one: float(one["p_value"]))
    assert least["p_holm"] == pytest.approx(14 * least["p_value"])
    assert all(one["p_holm"] > one["p_value"] for one in differences)
    assert document["policies"]["quick"]["duel"]["win"] == [f"s{n}" for n in range(14)]


def test_of_many_policies_of_ones_own_the_best_have_a_line(tmp_path: Path) -> None:
    ratios = {"fifo": [[3.0]], **{f"own{place}": [[2.0 - 0.1 * place]] for place in range(8)}}
    found = page_suite(suite_in(suite_folder(tmp_path / "suite", ratios)), [name for name in ratios if name != "fifo"])
    drawn = [row.policy for row in found.policies if row.drawn]
    assert drawn == ["own7", "own6", "own5", "own4", "own3", "fifo"] and len(drawn) == MOST_LINES


def test_a_document_says_whether_costs_were_simulated(tmp_path: Path) -> None:
    found = result(tmp_path, 2, 1)
    without = SuiteResult(
        folder=found.folder, plan=msgspec.structs.replace(found.plan, costs=False), records=found.records
    )
    assert (found.document()["costs"], without.document()["costs"]) == (True, False)
