"""A table of the figures that only some studies have: costs, deadlines, and the waits that cluster
operators ask for."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rich.table import Table

from hetsched.analysis.metrics import Metrics
from hetsched.report.figures_in_words import seconds, share
from hetsched.report.scores import metric_name, shown
from hetsched.studies.comparison import Comparison

Figures = Metrics | Comparison


class Column(NamedTuple):
    """A figure's key, its heading, the function that writes its value, and what the heading says.

    An `arriving` column is shown only where trials arrive over time.
    """

    key: str
    heading: str
    form: Callable[[float], str]
    says: str
    arriving: bool = False


COLUMNS = (
    Column("cost", "cost", "{:,.2f}".format, "hours of nodes in the cluster x their prices, until the end of the run"),
    Column("score_at_budget", "{metric} at\nbudget", shown, "the best score until the run had cost metrics.budget"),
    Column(
        "time_to_target_s",
        "time to\ntarget [s]",
        seconds,
        "when the last experiment with a target reached it; (8 of 10): the mean over 8 seeds of 10, which reached it",
    ),
    Column("score_at_deadline", "{metric} at\ndeadline", shown, "the best score up to metrics.deadline_s"),
    Column(
        "small_wait_s",
        "wait of the\nsmall [s]",
        seconds,
        "time outside of segments until completion, the mean over trials of at most the median area (gang x work)",
        arriving=True,
    ),
    Column("large_wait_s", "wait of the\nlarge [s]", seconds, "the same over trials with a larger area", arriving=True),
    Column(
        "allocation_rate",
        "GPUs\nallocated",
        share,
        "GPU time in segments / GPU time of the nodes in the cluster",
        arriving=True,
    ),
    Column(
        "fragmentation",
        "idle GPUs in\nfragments",
        share,
        "GPU time idle in parts that no waiting trial could take / GPU time idle while trials waited",
    ),
)


def further_table(rows: Mapping[str, Figures], arriving: bool) -> Table | None:
    """One row per strategy or run, and one column per figure that some row has. None: no row has
    any of the figures."""
    found = _columns(rows, arriving)
    if not found:
        return None
    metric = metric_name(next(row.metric for row in rows.values()))
    table = Table(header_style="bold")
    table.add_column("strategy")
    for column in found:
        table.add_column(column.heading.format(metric=metric), justify="right")
    for name, row in rows.items():
        table.add_row(name, *(_cell(column, row) for column in found))
    return table


def _columns(rows: Mapping[str, Figures], arriving: bool) -> list[Column]:
    columns = [column for column in COLUMNS if arriving or not column.arriving]
    return [column for column in columns if any(_tells(column, row) for row in rows.values())]


def further_columns(rows: Mapping[str, Figures], arriving: bool) -> dict[str, str]:
    """What each column of the table says."""
    first = next(iter(rows.values()))
    of_runs = isinstance(first, Metrics)
    strategy = "of the run, and the run's seed" if of_runs else "its figures are means over the seeds that have them"
    found = _columns(rows, arriving)
    headings = [column.heading.format(metric=metric_name(first.metric)).replace("\n", " ") for column in found]
    return {"strategy": strategy, **{heading: column.says for heading, column in zip(headings, found, strict=True)}}


def named_by_seed(runs: list[Metrics]) -> dict[str, Metrics]:
    """The rows of a table with one row per run."""
    return {f"{run.strategy}, seed {run.seed}": run for run in runs}


def further_table_of_runs(runs: list[Metrics], arriving: bool) -> Table | None:
    """The table of `further_table` with one row per run, named by strategy and seed."""
    return further_table(named_by_seed(runs), arriving)


def _tells(column: Column, row: Figures) -> bool:
    """Whether the row has the figure. An allocation rate that is shown as the same percentage as
    the utilisation does not count."""
    value = getattr(row, column.key)
    return value is not None and not (column.key == "allocation_rate" and share(value) == share(row.utilisation))


def _cell(column: Column, row: Figures) -> str:
    value = getattr(row, column.key)
    if value is None:
        return ""
    partly = _partly(row) if column.key == "time_to_target_s" else ""
    return column.form(value) + partly


def _partly(row: Figures) -> str:
    """How many of the seeds reached the target, if only some did."""
    if isinstance(row, Metrics) or row.target_reached == (seeds := len(row.makespan_s.per_seed)):
        return ""
    return f" ({row.target_reached} of {seeds})"
