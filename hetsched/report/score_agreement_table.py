"""A table and lines that compare predicted scores with measured scores."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from hetsched.domain.metric import Metric
from hetsched.errors import counted
from hetsched.report.figures_in_words import percent, rounded, seconds
from hetsched.report.scores import metric_name, shown
from hetsched.studies.score_agreement import ScoreAgreement, ScoreError, TargetAgreement
from hetsched.studies.validate import ValidationResult
from hetsched.studies.validation import OrderAgreement


def score_agreement_table(scores: Mapping[str, ScoreAgreement], metric: Metric | None) -> Table:
    """One row per strategy and moment in seconds at which both a predicted and a measured score are
    known."""
    table = Table(title=f"{metric_name(metric)} over time: the best, and the mean over trials", header_style="bold")
    table.add_column("strategy")
    table.add_column("at [s]", justify="right")
    for figure in ("best", "mean"):
        for heading in ("predicted", "measured", "error", "95% interval"):
            table.add_column(f"{figure}\n{heading}", justify="right")
    for name, of_strategy in scores.items():
        known = [moment for moment in of_strategy.moments if moment.best is not None and moment.mean is not None]
        for row, moment in enumerate(known):
            at = "end" if moment.at_s is None else seconds(moment.at_s, least=1)
            table.add_row("" if row else name, at, *_cells(moment.best), *_cells(moment.mean))
        table.add_section()
    return table


def _cells(score: ScoreError | None) -> tuple[str, str, str, str]:
    """The predicted score, the measured score, the error, and the error's 95% interval."""
    if score is None:
        return "", "", "", ""
    size = max(abs(score.predicted), abs(score.measured))
    ends = () if score.ci95 is None else score.ci95
    interval = " .. ".join(signed(end, size) for end in ends)
    return shown(score.predicted), shown(score.measured), signed(score.error, size), interval


def signed(difference: float, size: float) -> str:
    """A difference of two scores of the given size, with the decimals that `shown` gives to such
    scores.

    >>> signed(0.0214, 0.5), signed(-0.0006, 0.5), signed(0.0001, 0.5), signed(-1e-05, 2e-05)
    ('+0.021', '-0.001', '0.000', '-1e-05')
    """
    return rounded(difference, 3) if 1e-3 <= size < 1e5 else f"{difference:+.3g}"


def score_lines(result: ValidationResult) -> Iterator[str]:
    """Lines about Kendall's tau of the strategies' order at the deadline, and about the seconds to
    the target score."""
    deadline_s, target = result.setup.scenario.metrics.deadline_s, result.setup.scenario.metrics.target_score
    if deadline_s is not None and result.score_order.kendall_tau is not None:
        yield _order_line(result.score_order, deadline_s)
    what = "the target" if target is None else f"{target:g}"
    for strategy, of_strategy in result.scores.items():
        if of_strategy.target is not None:
            yield f"{strategy}: time to {what}: {_target_words(of_strategy.target)}"


def _order_line(order: OrderAgreement, deadline_s: float) -> str:
    distinct = "none" if order.kendall_tau_distinct is None else f"{order.kendall_tau_distinct:.2f}"
    return (
        f"Kendall's tau of the order by the best score at {deadline_s:g} s: {order.kendall_tau:.2f}; over the "
        f"{counted(order.distinct_pairs, 'pair')} without overlap of the measured intervals: {distinct}"
    )


def _target_words(found: TargetAgreement) -> str:
    draws = f"in {found.draws_reached} of {counted(found.draws, 'simulation')}; the others have no time"
    seeds = f"{found.predicted} of {counted(found.seeds, 'seed')}"
    reached = f"reached under {seeds} as predicted ({draws}), {found.measured} as measured"
    time = found.time_s
    if time is None:
        return f"{reached}: never under one seed on both sides"
    error = "" if time.error_percent is None else f", error {percent(time.error_percent)}"
    ends = time.ci95_percent
    within = "" if ends is None else f" (95% interval {percent(ends[0])} .. {percent(ends[1])})"
    return f"predicted {time.predicted:.1f} s, measured {time.measured:.1f} s{error}{within}; {reached}"
