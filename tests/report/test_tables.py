"""What the tables print of seconds and of intervals."""

from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

import hetsched
from hetsched.analysis.intervals import spread
from hetsched.report.tables import ablation_table, comparison_table, runs_table, trials_table
from hetsched.report.whole_tables import print_table
from hetsched.studies.comparison import Comparison
from hetsched.testing.scenarios import make_setup


@pytest.fixture(scope="module")
def alike() -> hetsched.ComparisonResult:
    """Two strategies without noise, under three seeds."""
    quiet = {"noise": False}
    setup = make_setup(population=3, pbt={"enabled": False}, overheads=quiet, strategies=["fusion+fifo"])
    return hetsched.compare(setup, ["fusion+fifo", "uniform+fifo"], seeds=3)


def printed(figures: Comparison) -> list[str]:
    """The cells of the row."""
    file = StringIO()
    print_table(comparison_table({"s": figures}, "b"), Console(file=file))
    return [cell.strip() for line in file.getvalue().splitlines() if "│ s " in line for cell in line.split("│")[2:]]


def test_seeds_that_are_alike_have_no_interval_and_no_test(alike: hetsched.ComparisonResult) -> None:
    name, verdict = next(iter(alike.verdicts.items()))
    assert verdict.startswith("no noise: all 3 seeds are alike and count as one run: 1.")
    assert printed(alike.comparisons[name])[1] == "all alike"
    paired = alike.document()["strategies"][name].makespan_vs_baseline
    assert (paired.p_value, paired.p_holm, paired.ci95, paired.shown) == (None, None, None, False)
    assert alike.narrow


LOSS = {"name": "loss", "mode": "min"}


def headings(table: Table) -> list[str]:
    return [str(column.header).replace("\n", " ") for column in table.columns]


def test_scores_stand_under_the_name_of_the_metric() -> None:
    setup = make_setup(metric=LOSS, strategies=["fusion+fifo"]).replace(learning={"model": "unknown"})
    result = hetsched.simulate(setup, "fusion+fifo", seeds=1)
    compared, ablated = hetsched.compare(setup, seeds=1), hetsched.ablate(setup, "fusion+fifo")
    for table in (
        runs_table([run.metrics for run in result.runs]),
        comparison_table(compared.comparisons, "fusion+fifo"),
        ablation_table(ablated.variants),
    ):
        place = headings(table).index("best loss")
        assert set(table.columns[place].cells) == {""}, "nothing is known of it"
    assert "loss" in headings(trials_table(result.states[0]))


def test_scores_of_different_metrics_stand_under_no_name() -> None:
    setup = make_setup(experiments=[{"name": "a"}, {"name": "b", "metric": LOSS}], strategies=["fusion+fifo"])
    result = hetsched.simulate(setup.replace(learning={"model": "unknown"}), "fusion+fifo", seeds=1)
    assert "best score" in headings(runs_table([run.metrics for run in result.runs]))
    assert "score" in headings(trials_table(result.states[0]))


@pytest.mark.parametrize(
    ("makespans", "mean", "interval"),
    [
        ([3.1, 3.2, 3.3], "3.20", "2.95 .. 3.45"),
        ([0.031, 0.032, 0.033], "0.0320", "0.0295 .. 0.0345"),
        ([31.0, 32.0, 33.0], "32", "30 .. 34"),
        ([5000.0, 5100.0, 5200.0], "5,100", "4,852 .. 5,348"),
        ([466.0, 466.01, 466.02], "466", "465.99 .. 466.03"),
        ([9.0], "9.00", "one seed"),
        ([466.0, 466.0], "466", "all alike"),
    ],
)
def test_short_makespans_have_three_digits_and_the_ends_of_an_interval_differ(
    alike: hetsched.ComparisonResult, makespans: list[float], mean: str, interval: str
) -> None:
    figures = next(iter(alike.comparisons.values()))
    assert printed(replace(figures, makespan_s=spread(makespans)))[:2] == [mean, interval]


def test_trials_have_a_column_per_hyperparameter_of_any_kind() -> None:
    space = {
        "lr": {"low": 0.125, "high": 0.125},
        "layers": {"choices": [100_000]},
        "optimizer": {"name": {"choices": ["adam"]}, "nesterov": True},
    }
    result = hetsched.simulate(make_setup(population=2, search_space=space), "fusion+fifo")
    file = StringIO()
    print_table(trials_table(result.states[0]), Console(file=file, width=200))
    [head] = [line for line in file.getvalue().splitlines() if "iterations" in line]
    columns = [cell.strip() for cell in head.split("┃")]
    assert columns[6:-2] == ["layers", "lr", "optimizer.name", "optimizer.nesterov"]
    [first] = [line for line in file.getvalue().splitlines() if "e-0" in line]
    assert [cell.strip() for cell in first.split("│")][6:-2] == ["100000", "0.125", "adam", "true"]


def test_where_there_is_no_terminal_no_cell_is_cut_that_must_not_wrap() -> None:
    table, file = Table(), StringIO()
    words = ["a" * 90, "b c " * 30 + "d"]
    for _ in words:
        table.add_column("name", no_wrap=True)
    table.add_row(*words)
    print_table(table, Console(file=file))
    assert all(word in file.getvalue() for word in words) and "…" not in file.getvalue()
