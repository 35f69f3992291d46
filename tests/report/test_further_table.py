"""The table of what some studies ask only."""

from pathlib import Path

from hetsched.report.further_table import further_table
from hetsched.report.page.tables import page_tables
from hetsched.scenario.tables import MetricsTable
from hetsched.studies.compare import compare
from hetsched.studies.simulate import simulate
from tests.conftest import make_setup

NODES = [{"name": "a", "cores": 1, "price_per_h": 36.0}, {"name": "b", "cores": 2}]
"""0.01 a second."""


def test_a_comparison_without_prices_or_a_deadline_has_no_such_table(tmp_path: Path) -> None:
    setup = make_setup(strategies=["fusion+fifo", "fusion+srtf"])
    result = compare(setup, seeds=2, folder=tmp_path / "out")
    assert further_table(result.comparisons, arriving=False) is None
    assert [table.title for table in page_tables(result)] == ["Means over the seeds"]


def test_what_was_asked_has_a_column_for_all_policies(tmp_path: Path) -> None:
    setup = make_setup(NODES, strategies=["fusion+fifo", "fusion+srtf"])
    result = compare(setup.replace(metrics=MetricsTable(budget=0.5)), seeds=2, folder=tmp_path / "out")
    table = page_tables(result)[1]
    assert table.columns == ["strategy", "cost", "accuracy at budget"]
    assert [row[0] for row in table.rows] == ["fusion+fifo", "fusion+srtf"]
    for row, found in zip(table.rows, result.comparisons.values(), strict=True):
        assert row[1] == f"{found.cost:,.2f}"
        assert found.cost is not None and abs(found.cost - 0.01 * found.makespan_s.mean) < 1e-6


def test_a_mean_time_to_the_target_says_how_many_seeds_reached_the_target(tmp_path: Path) -> None:
    setup = make_setup(strategies=["fusion+fifo"])
    strategy = setup.scenario.strategies[0]
    every = simulate(setup, strategy, seeds=4, folder=tmp_path / "every").runs
    between = sorted(run.metrics.best_score or 0.0 for run in every)[2]  # half of the seeds come so far
    result = compare(setup.replace(metrics=MetricsTable(target_score=between)), seeds=4, folder=tmp_path / "some")
    assert result.comparisons[strategy].target_reached == 2
    table = page_tables(result)[1]
    assert table.columns == ["strategy", "time to target [s]"]
    assert table.rows[0][1].endswith(" (2 of 4)")
    always = setup.replace(metrics=MetricsTable(target_score=1e-6))
    table = page_tables(compare(always, seeds=4, folder=tmp_path / "always"))[1]
    assert " of " not in table.rows[0][1]


def test_runs_are_told_by_their_seeds(tmp_path: Path) -> None:
    setup = make_setup(NODES).replace(metrics=MetricsTable(deadline_s=60.0))
    table = page_tables(simulate(setup, "fusion+fifo", seeds=2, folder=tmp_path / "out"))[1]
    assert table.columns == ["strategy", "cost", "accuracy at deadline"]
    assert [row[0] for row in table.rows] == ["fusion+fifo, seed 0", "fusion+fifo, seed 1"]


def test_where_trials_arrive_waiting_and_gpus_have_columns(tmp_path: Path) -> None:
    experiments = [
        {"name": "long", "population": 3, "stop_iterations": 40},
        {"name": "short", "population": 3, "stop_iterations": 20, "arrival_s": 5.0, "devices": ["k80"]},
    ]
    nodes = [{"name": "g", "cores": 2, "gpus": 2, "gpu_type": "k80"}]
    setup = make_setup(nodes, experiments=experiments, strategies=["fusion+fifo"])
    table = page_tables(compare(setup, seeds=1, folder=tmp_path / "out"))[1]
    waits = ["wait of the small [s]", "wait of the large [s]"]
    assert table.columns == ["strategy", *waits], "GPUs are allocated for as much of the time as workers are used"
    assert all(table.rows[0][:3])
    boxes = [*nodes, {"name": "box", "cores": 4}]
    setup = make_setup(boxes, experiments=experiments, strategies=["fusion+fifo"])
    table = page_tables(compare(setup, seeds=1, folder=tmp_path / "boxes"))[1]
    assert table.columns[:4] == ["strategy", *waits, "GPUs allocated"]
