"""Pages of studies: their figures are those of the study, finished or not."""

import json
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

import hetsched
from hetsched.analysis.intervals import spread
from hetsched.errors import InputError
from hetsched.report.page.document import Page
from hetsched.report.page.page import html, linked_from, page
from hetsched.report.page.several import _came_to
from hetsched.studies.ablation import AblationResult
from hetsched.studies.compare import ComparisonResult
from hetsched.studies.folder import REPORT_NAME
from tests.report.page.studies import STRATEGIES, compared, interrupted, scenario, validated


def fact(page: Page, name: str) -> str:
    return next(fact.value for fact in page.facts if fact.name == name)


def links(page: Page) -> list[str]:
    return [fact.link for fact in page.facts if fact.link is not None]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> hetsched.ComparisonResult:
    return compared(tmp_path_factory.mktemp("comparison") / "c")


def test_a_comparison(comparison: hetsched.ComparisonResult) -> None:
    result, found = comparison, page(comparison.folder)
    assert (found.kind, found.complete) == ("comparison", True)
    assert found.remarks["Verdicts"] == [f"{name}: {verdict}" for name, verdict in result.verdicts.items()]
    assert found.remarks["Assumed, as nobody measured it"] == list(result.assumptions)
    assert found.comparison is not None
    assert (found.comparison.baseline, found.comparison.seeds) == ("uniform+fifo", [0, 1, 2])
    assert [row.strategy for row in found.comparison.strategies] == STRATEGIES
    for row in found.comparison.strategies:
        figures, runs = result.comparisons[row.strategy], result.by_strategy[row.strategy]
        assert row.makespans_s == figures.makespan_s.per_seed
        assert row.bound_ratio.mean == figures.bound_ratio
        assert row.bound_ratios == [run.metrics.bound_ratio for run in runs]
        assert (row.bound_ratio.low, row.bound_ratio.high) == (spread(row.bound_ratios).ci95 or (None, None))
        assert (row.decision_s, row.verdict) == (figures.decision_s, figures.verdict)
        paired = figures.makespan_vs_baseline
        if paired is not None:
            assert row.speedup is not None and row.speedup.mean == paired.ratio
            assert (row.speedup.low, row.speedup.high) == paired.ci95
        assert row.best_over_time is not None and row.best_over_time.value[-1] == pytest.approx(figures.best_score)
        assert row.best_over_time.time_s[-1] == max(figures.makespan_s.per_seed)
    assert [(run.strategy, run.seed) for run in found.runs] == [(name, 0) for name in STRATEGIES]
    [table] = found.tables
    assert [row[0] for row in table.rows] == ["uniform+fifo (baseline)", *STRATEGIES[1:]]
    assert table.columns[1] == "makespan [s]" and table.numbers[:2] == [False, True]


def test_the_facts_of_a_study(comparison: hetsched.ComparisonResult) -> None:
    found = page(comparison.folder)
    assert fact(found, "seeds") == "0 to 2"
    assert fact(found, "strategies") == ", ".join(STRATEGIES)
    assert fact(found, "nodes") == "server (2 cores, 1 k80); a (2 cores); b (2 cores)"
    assert fact(found, "command") == "from Python"
    assert fact(found, "versions").startswith(f"hetsched {hetsched.__version__}, Python 3")
    assert fact(found, "took").endswith(" s") and fact(found, "began").endswith(" UTC")
    assert (fact(found, "pace"), fact(found, "data")) == ("not paced", "not synthetic")
    assert all((comparison.folder / link).is_file() for link in links(found))
    assert {"summary.json", "results.csv", "study.json", "scenario.toml", "compare.json"} <= set(links(found))
    assert sum(link.endswith("events.jsonl") for link in links(found)) == 9


@pytest.mark.parametrize(("runs", "seeds"), [(7, [0, 1]), (2, None)])
def test_a_comparison_that_broke_off(runs: int, seeds: list[int] | None, tmp_path: Path) -> None:
    interrupted(tmp_path / "c", runs)
    found = page(tmp_path / "c")
    assert (found.kind, found.complete) == ("comparison", False)
    if seeds is None:
        assert "goes on, or broke off" in fact(found, "took")
        assert found.comparison is None and len(found.runs) == 2
        assert "no seed is complete" in found.remarks["Nothing to say yet"][0]
        assert "Assumed, as nobody measured it" in found.remarks
    else:
        assert found.comparison is not None
        assert (found.comparison.seeds, found.comparison.complete) == (seeds, False)
        assert len(found.runs) == len(STRATEGIES)
    assert html(found)


def test_a_validation_finished_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = validated(tmp_path / "v", tmp_path, monkeypatch)
    found = page(tmp_path / "v")
    assert (found.kind, found.complete) == ("validation", True)
    assert found.validation is not None
    assert found.validation.mean_error_percent == result.mean_absolute_error_percent
    assert found.validation.kendall_tau == result.order.kendall_tau
    for row in found.validation.strategies:
        makespan = result.agreements[row.strategy].makespan_s
        assert (row.predicted_s, row.measured_s) == (makespan.predicted, makespan.measured)
        assert row.error_percent is not None and row.error_percent.mean == makespan.error_percent
        assert (row.error_percent.low, row.error_percent.high) == makespan.ci95_percent
        pair = [found.runs[row.predicted], found.runs[row.measured]]
        assert [(run.strategy, run.seed) for run in pair] == [(row.strategy, 0)] * 2
        logs = [runs[0].log for runs in (result.predicted, result.runs)]
        assert logs[0] != logs[1]
    assert any("Kendall's tau" in line for line in found.remarks["Agreement"])

    (tmp_path / "v" / "summary.json").unlink()
    shutil.rmtree(tmp_path / "v" / "measured" / "fusion+fifo")
    partly = page(tmp_path / "v")
    assert partly.validation is not None and not partly.complete
    assert [row.strategy for row in partly.validation.strategies] == ["uniform+fifo"]
    assert "fusion+fifo: 2 of 2 seeds were predicted and not measured to the end" in partly.remarks["Warnings"][0]
    shutil.rmtree(tmp_path / "v" / "measured")
    nothing = page(tmp_path / "v")
    assert nothing.validation is None and len(nothing.runs) > 0 and html(nothing)


def test_a_validation_has_scores_over_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the document, in words, as a table and as courses that end at the means of the runs."""
    metrics = {"deadline_s": 200.0, "target_score": 0.2}
    result = validated(tmp_path / "v", tmp_path, monkeypatch, metrics=metrics)
    document = json.loads((tmp_path / "v" / "summary.json").read_text())
    assert set(document["scores"]) == set(STRATEGIES[:2])
    assert document["score_order"]["distinct_pairs"] == result.score_order.distinct_pairs
    found = page(tmp_path / "v")
    assert found.validation is not None
    for row in found.validation.strategies:
        end = result.scores[row.strategy].moments[-1]
        assert row.best is not None and row.mean is not None and end.best is not None and end.mean is not None
        assert row.best.predicted.value[-1] == pytest.approx(end.best.predicted)
        assert row.best.measured.value[-1] == pytest.approx(end.best.measured)
        assert row.mean.measured.value[-1] == pytest.approx(end.mean.measured)
        assert document["scores"][row.strategy]["moments"][-1]["best"]["error"] == pytest.approx(end.best.error)
    [table] = [table for table in found.tables if "over time" in table.title]
    ends = [row for row in table.rows if row[1] == "end"]
    assert [row[2] for row in ends] == [
        f"{row.best.predicted.value[-1]:.3f}" for row in found.validation.strategies if row.best
    ]
    words = found.remarks["Agreement"]
    assert any("order by the best score at 200 s" in line for line in words)
    assert any(line.startswith("fusion+fifo: time to 0.2: ") for line in words)


def test_a_run_has_the_runs_of_all_its_seeds(tmp_path: Path) -> None:
    hetsched.simulate(scenario(), "fusion+fifo", 3, tmp_path / "s")
    found = page(tmp_path / "s")
    assert (found.kind, [run.seed for run in found.runs]) == ("run", [0, 1, 2])
    assert [row[:2] for row in found.tables[0].rows] == [["fusion+fifo", str(seed)] for seed in (0, 1, 2)]


def test_of_long_runs_the_page_has_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hetsched.simulate(scenario(), "fusion+fifo", 3, tmp_path / "s")
    monkeypatch.setattr("hetsched.report.page.study.LOG_BYTES", 1)
    assert [run.seed for run in page(tmp_path / "s").runs] == [0]


def test_an_ablation_is_a_table(tmp_path: Path) -> None:
    result = hetsched.ablate(scenario(), "fusion+fifo", folder=tmp_path / "a")
    found = page(tmp_path / "a")
    assert [row[0] for row in found.tables[0].rows] == list(result.variants)
    assert fact(found, "study").startswith("ablation")


def test_a_folder_with_several_studies(tmp_path: Path, comparison: hetsched.ComparisonResult) -> None:
    for name in ("one/c", "two"):
        shutil.copytree(comparison.folder, tmp_path / "suite" / name)
    hetsched.simulate(scenario(stop_score=0.999), "fusion+fifo", folder=tmp_path / "suite" / "s")
    interrupted(tmp_path / "suite" / "three", 1)
    (tmp_path / "suite" / "two" / REPORT_NAME).write_text("a report")
    (tmp_path / "suite" / "notes").mkdir()
    found = page(tmp_path / "suite")
    assert (found.kind, found.complete, found.runs) == ("several", False, [])
    summary, ratios = found.tables
    assert [row[0] for row in summary.rows] == ["one/c", "s", "three", "two"]
    best = min(STRATEGIES, key=lambda name: comparison.comparisons[name].makespan_s.mean)
    assert summary.rows[0][1:] == [
        "test",
        "comparison, simulated",
        "0 to 2",
        ", ".join(STRATEGIES),
        f"{best}: {comparison.comparisons[best].verdict}",
    ]
    assert "no seed is complete" in summary.rows[2][-1]
    assert ratios.rows[0] == ["one/c", *(f"{comparison.comparisons[name].bound_ratio:.2f}" for name in STRATEGIES)]
    assert links(found) == [f"two/{REPORT_NAME}"]
    assert comparison.assumptions and found.remarks["Assumed, as nobody measured it"] == list(comparison.assumptions)
    [warned] = found.remarks["Warnings"]
    assert warned.startswith("s: fusion+fifo: no run reached the target")


def test_a_plan_says_what_to_run(tmp_path: Path) -> None:
    """From what a plan wrote down: a plan needs a cluster, and has tests of its own."""
    folder = tmp_path / "p"
    forecast = {
        "makespan_s": {"mean": 100.0, "ci95": [99.0, 101.0], "per_seed": [99.5, 100.5]},
        "run_interval_s": [98.0, 102.0],
        "bound_ratio": 1.5,
        "workers_bound_ratio": 1.2,
        "workers_bound_s": 83.0,
        "stopped": 0.0,
        "iterations": 360.0,
        "warning": "is a guess",
    }
    document = {
        "command": "plan",
        "seeds": [0, 1],
        "strategies": {"fusion+fifo": forecast},
        "left_out": {"sliced+fifo": "no room"},
        "same_workers": {},
        "reused": [],
        "probes": [],
        "seeds_left_out": 0,
        "planned_s": 3.0,
        "assumptions": [],
    }
    scenario().save(folder)
    (folder / "summary.json").write_text(json.dumps(document))
    found = page(folder)
    assert (found.kind, found.complete) == ("plan", True)
    assert found.tables[0].rows == [["fusion+fifo", "100", "99 .. 101", "1.20", "1.50", ""]]
    assert found.remarks["The best strategy"][0].startswith("predicted for fusion+fifo: 100 s")
    assert "--strategy fusion+fifo" in found.remarks["The best strategy"][1]
    assert found.remarks["Left out"] == ["sliced+fifo: no room"]
    assert found.remarks["Warnings of single strategies"] == ["fusion+fifo: is a guess"]
    (folder / "summary.json").unlink()
    (folder / "probes").mkdir()
    assert "did not come to its end" in page(folder).remarks["Nothing to say yet"][0]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        page(tmp_path / "nowhere")


def test_links_lead_from_where_the_report_is(tmp_path: Path, comparison: hetsched.ComparisonResult) -> None:
    moved = linked_from(page(comparison.folder), comparison.folder, tmp_path)
    assert len(links(moved)) > 9 and all((tmp_path / link).is_file() for link in links(moved))
    same = page(comparison.folder)
    assert linked_from(same, comparison.folder, comparison.folder) is same


def test_a_study_came_to_the_first_of_strategies_that_differ_by_rounding() -> None:
    makespans = {"a": 0.1 + 0.2, "b": 0.3, "c": 0.4}
    compared = {name: Mock(makespan_s=Mock(mean=mean), verdict=f"{name} it is") for name, mean in makespans.items()}
    assert _came_to(Mock(spec=ComparisonResult, comparisons=compared, complete=True)) == "a: a it is"
    parts = {"everything": 0.0, "a": 0.3, "b": 0.1 + 0.2, "c": 0.2}
    without = {name: Mock(contribution_s=by_s, contribution_percent=30.0) for name, by_s in parts.items()}
    assert _came_to(Mock(spec=AblationResult, variants=without)) == "a: 30% less"
