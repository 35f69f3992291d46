"""A validation as its page shows it. All figures are those that `hetsched validate` prints."""

from collections.abc import Sequence

from hetsched.report.page.document import Estimate, PageRun, PageValidation, ValidationRow
from hetsched.report.page.run import page_run
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.studies.one_run import RunResult
from hetsched.studies.results import scenario_of
from hetsched.studies.validate import ValidationResult
from hetsched.studies.validation import Agreement


def page_validation(result: ValidationResult) -> tuple[PageValidation, list[PageRun]]:
    """What it came to, and of each strategy the predicted and the measured run under its first seed, in turn."""
    rows, runs = [], []
    for position, (strategy, found) in enumerate(result.agreements.items()):
        pair = [_first(strategy, result.predicted), _first(strategy, result.runs)]
        runs += [page_run(load_setup_of_logs(scenario_of(run.log.parent)), run.log) for run in pair]
        rows.append(_row(strategy, found, 2 * position))
    page = PageValidation(rows, result.mean_absolute_error_percent, result.order.kendall_tau)
    return page, runs


def _first(strategy: str, runs: Sequence[RunResult]) -> RunResult:
    return next(run for run in runs if run.metrics.strategy == strategy)


def _row(strategy: str, found: Agreement, position: int) -> ValidationRow:
    makespan, score = found.makespan_s, found.best_score
    percent = None
    if makespan.error_percent is not None:
        percent = Estimate(makespan.error_percent, *(makespan.ci95_percent or ()))
    return ValidationRow(
        strategy=strategy,
        predicted_s=makespan.predicted,
        measured_s=makespan.measured,
        error_percent=percent,
        predicted_score=None if score is None else score.predicted,
        measured_score=None if score is None else score.measured,
        same_decisions=found.decisions,
        predicted=position,
        measured=position + 1,
    )
