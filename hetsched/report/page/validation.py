"""A validation as its page shows it. All figures are those that `hetsched validate` prints."""

from collections.abc import Callable, Sequence
from itertools import chain

from msgspec.structs import replace

from hetsched.analysis.best_over_time import Steps, mean_over_time
from hetsched.analysis.scores_over_time import Scores, scores_over_time
from hetsched.core.log import read_log
from hetsched.domain.metric import Metric
from hetsched.report.page.document import Estimate, PageRun, PageValidation, ScoreCourses, Series, ValidationRow
from hetsched.report.page.run import page_run
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.studies.one_run import RunResult
from hetsched.studies.results import scenario_of
from hetsched.studies.validate import ValidationResult
from hetsched.studies.validation import Agreement


def page_validation(result: ValidationResult) -> tuple[PageValidation, list[PageRun]]:
    """The validation, and the runs that its rows refer to.

    The runs are, per strategy, the first predicted run and the first measured run.
    """
    rows, runs = [], []
    for position, (strategy, found) in enumerate(result.agreements.items()):
        pair = [_first(strategy, result.predicted), _first(strategy, result.runs)]
        runs += [page_run(load_setup_of_logs(scenario_of(run.log.parent)), run.log) for run in pair]
        best, mean = _courses([*chain(*result.draws[strategy])], result.by_strategy[strategy], found.metric)
        rows.append(replace(_row(strategy, found, 2 * position), best=best, mean=mean))
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


def _courses(
    predicted: Sequence[RunResult], measured: Sequence[RunResult], metric: Metric | None
) -> tuple[ScoreCourses | None, ScoreCourses | None]:
    """The courses of the best score and of the mean score over the trials.

    Both are None if the metric is not one, or if under some seed no score is known.
    """
    sides = [[scores_over_time(read_log(run.log)) for run in runs] for runs in (predicted, measured)]
    if metric is None or not all(map(all, sides)):
        return None, None
    ends_s = [max(run.metrics.makespan_s for run in runs) for runs in (predicted, measured)]

    def courses(figure: Callable[[Scores], float]) -> ScoreCourses:
        of_sides = [[[(each.time_s, figure(each)) for each in of_run] for of_run in side] for side in sides]
        return ScoreCourses(*(_series(runs, end_s, metric) for runs, end_s in zip(of_sides, ends_s, strict=True)))

    return courses(lambda scores: scores.best), courses(lambda scores: scores.mean)


def _series(runs: Sequence[Steps], end_s: float, metric: Metric) -> Series:
    """The mean over the runs as a series. It ends at `end_s`, the makespan of the slowest run in
    seconds."""
    steps = mean_over_time(runs)
    times, values = zip(*steps, (end_s, steps[-1][1]), strict=True)
    return Series(metric.name, "score", metric.name, list(times), list(values))
