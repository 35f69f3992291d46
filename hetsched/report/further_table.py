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
    """A figure's key, its heading, and the function that writes its value.

    An `arriving` column is shown only where trials arrive over time.
    """

    key: str
    heading: str
    form: Callable[[float], str]
    arriving: bool = False


COLUMNS = (
    Column("cost", "cost", "{:,.2f}".format),
    Column("score_at_budget", "{metric} at\nbudget", shown),
    Column("time_to_target_s", "time to\ntarget [s]", seconds),
    Column("score_at_deadline", "{metric} at\ndeadline", shown),
    Column("small_wait_s", "wait of the\nsmall [s]", seconds, arriving=True),
    Column("large_wait_s", "wait of the\nlarge [s]", seconds, arriving=True),
    Column("allocation_rate", "GPUs\nallocated", share, arriving=True),
    Column("fragmentation", "idle GPUs in\nfragments", share),
)


def further_table(rows: Mapping[str, Figures], arriving: bool) -> Table | None:
    """One row per strategy or run, and one column per figure that some row has. None: no row has
    any of the figures."""
    columns = [column for column in COLUMNS if arriving or not column.arriving]
    found = [column for column in columns if any(_tells(column, row) for row in rows.values())]
    if not found:
        return None
    metric = metric_name(next(row.metric for row in rows.values()))
    table = Table(header_style="bold")
    table.add_column("strategy")
    for column in found:
        table.add_column(column.heading.format(metric=metric), justify="right")
    for name, row in rows.items():
        table.add_row(name, *(_cell(column, getattr(row, column.key)) for column in found))
    return table


def further_table_of_runs(runs: list[Metrics], arriving: bool) -> Table | None:
    """The table of `further_table` with one row per run, named by strategy and seed."""
    return further_table({f"{run.strategy}, seed {run.seed}": run for run in runs}, arriving)


def _tells(column: Column, row: Figures) -> bool:
    """Whether the row has the figure. An allocation rate that is shown as the same percentage as
    the utilisation does not count."""
    value = getattr(row, column.key)
    return value is not None and not (column.key == "allocation_rate" and share(value) == share(row.utilisation))


def _cell(column: Column, value: float | None) -> str:
    return "" if value is None else column.form(value)
