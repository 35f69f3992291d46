"""Runs as pandas data frames."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hetsched.analysis.tidy.tables import TABLES, rows
from hetsched.domain.entry_points import needed_for
from hetsched.domain.metric import Metric
from hetsched.studies.one_run import RunResult

if TYPE_CHECKING:
    from pandas import DataFrame


def frame(rows: Iterable[dict[str, Any]]) -> "DataFrame":
    """The rows as a data frame. Raises InputError, which says what to install, without pandas."""
    with needed_for("a data frame", "frames"):
        from pandas import DataFrame
    return DataFrame(list(rows))


def runs_frame(runs: Sequence[RunResult]) -> "DataFrame":
    """A row per run, a column per figure: see `hetsched.analysis.metrics.Metrics`."""
    return frame(figures_row(run) for run in runs)


def table_frame(name: str, runs: Sequence[RunResult]) -> "DataFrame":
    """One of the tidy tables, of all runs: see docs/results.md. A table without rows has its
    columns all the same."""
    found = frame(row for run in runs for _, row in rows(run.log, [name]))
    columns = TABLES[name].columns
    if found.empty:
        found = found.reindex(columns=[column.name for column in columns])
    numbers = [column.name for column in columns if column.kind == "float"]
    fixed = [column.name for column in columns]
    further = [column for column in found if column not in fixed]
    return found[[*fixed, *further]].astype(dict.fromkeys(numbers, float))


def figures_row(run: RunResult) -> dict[str, Any]:
    """Every figure of a run, those of its workers aside."""
    figures: dict[str, Any] = msgspec.to_builtins(run.metrics)
    del figures["workers"]
    return {
        **figures,
        **metric_columns(run.metrics.metric),
        "decision_s": run.decision_s,
        "decisions": run.decisions,
        "log": str(run.log),
    }


def metric_columns(metric: Metric | None) -> dict[str, str | None]:
    """Name and direction of the metric of all experiments. None: they have different metrics."""
    return {"metric": None, "mode": None} if metric is None else {"metric": metric.name, "mode": metric.mode}
