"""Runs as pandas data frames."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hetsched.core.events import ExperimentArrived, SegmentEnded, SegmentLost, SegmentStarted, TrialAdded
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.core.trial import status_of
from hetsched.domain.entry_points import needed_for
from hetsched.domain.metric import Metric
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.studies.one_run import RunResult

if TYPE_CHECKING:
    from pandas import DataFrame


def frame(rows: Iterable[dict[str, Any]]) -> "DataFrame":
    """Raises InputError, which says what to install, without pandas."""
    with needed_for("a data frame", "frames"):
        from pandas import DataFrame
    return DataFrame(list(rows))


def runs_frame(runs: Sequence[RunResult]) -> "DataFrame":
    """A row per run, a column per figure: see `hetsched.analysis.metrics.Metrics`."""
    return frame(figures_row(run) for run in runs)


def segments_frame(runs: Sequence[RunResult]) -> "DataFrame":
    """A row per segment that ended or was lost, in the order of their ends. Seconds end in `_s`. Of a segment that was
    lost, `reason` says why, and it has no score and no parts. Metrics have columns of their names, beside `score`."""
    return frame(row for run in runs for row in _segments(run))


def trials_frame(runs: Sequence[RunResult]) -> "DataFrame":
    """A row per trial as its run left it. A hyperparameter `lr` is in the column `hyperparameters.lr`; a trial without
    it has none there."""
    return frame(row for run in runs for row in _trials(run))


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
    """Name and direction of the metric of all experiments, None where they have different ones."""
    return {"metric": None, "mode": None} if metric is None else {"metric": metric.name, "mode": metric.mode}


def _trials(run: RunResult) -> Iterator[dict[str, Any]]:
    state = State()
    for event in read_log(run.log):
        state.apply(event)
    for trial in state.trials.values():
        yield {
            "strategy": run.metrics.strategy,
            "seed": run.metrics.seed,
            "trial": trial.id,
            "experiment": trial.experiment,
            "batch_size": trial.kind.batch_size,
            "status": status_of(trial, state.running),
            "iterations": trial.iterations,
            "score": trial.score,
            "best_score": trial.best_score,
            "exploits": trial.exploits,
            **{f"hyperparameters.{name}": value for name, value in trial.hyperparameters.items()},
            "log": str(run.log),
        }


def _segments(run: RunResult) -> Iterator[dict[str, Any]]:
    started: dict[TrialId, SegmentStarted] = {}
    names: dict[ExperimentId, str] = {}
    metric_of: dict[TrialId, str] = {}
    for event in read_log(run.log):
        if isinstance(event, ExperimentArrived):
            names[event.experiment.id] = event.experiment.metric.name
        elif isinstance(event, TrialAdded):
            metric_of[event.trial] = names[event.experiment]
        elif isinstance(event, SegmentStarted):
            started[event.trial] = event
        elif isinstance(event, (SegmentEnded, SegmentLost)):
            start = started.pop(event.trial)
            row = {
                "strategy": run.metrics.strategy,
                "seed": run.metrics.seed,
                "trial": event.trial,
                "worker": event.worker,
                "start_s": start.time,
                "end_s": event.time,
                "iterations": start.iterations,
                **_outcome(event),
                "log": str(run.log),
            }
            yield row | _metrics(event, metric_of[event.trial], row.keys())


def _metrics(event: SegmentEnded | SegmentLost, name: str, taken: Collection[str]) -> dict[str, float | None]:
    """What the evaluation reported, by the names of the columns."""
    reported = {} if isinstance(event, SegmentLost) else {name: event.score, **event.metrics}
    return {f"{metric} (metric)" if metric in taken else metric: value for metric, value in reported.items()}


def _outcome(event: SegmentEnded | SegmentLost) -> dict[str, Any]:
    if isinstance(event, SegmentLost):
        return {"score": None, "reason": event.reason}
    return {"score": event.score, "reason": None, **msgspec.structs.asdict(event.parts), "late_s": event.late_s}
