"""How far prediction and measurement agree over all strategies of a validation, in words."""

from collections.abc import Iterator

from hetsched.errors import counted
from hetsched.report.figures_in_words import percent
from hetsched.studies.validate import ValidationResult


def agreement_lines(result: ValidationResult) -> Iterator[str]:
    """The mean error of the makespan, and whether prediction and measurement put the strategies into one order."""
    mean_error, order = result.mean_absolute_error_percent, result.order
    strategies = "one strategy" if len(result.agreements) == 1 else f"over {len(result.agreements)} strategies"
    if mean_error is not None:
        yield f"mean absolute error of the makespan, {strategies}: {percent(mean_error, signed=False)}"
    if order.kendall_tau is not None:
        distinct = "none" if order.kendall_tau_distinct is None else f"{order.kendall_tau_distinct:.2f}"
        yield (
            f"Kendall's tau of predicted against measured order, {strategies}: {order.kendall_tau:.2f}; over the "
            f"{counted(order.distinct_pairs, 'pair')} without overlap of the measured intervals: {distinct}"
        )
