"""Lines of text about how far prediction and measurement agree in a validation."""

from collections.abc import Iterator

from msgspec.structs import asdict

from hetsched.analysis.error_parts import ErrorParts
from hetsched.errors import counted
from hetsched.report.figures_in_words import percent
from hetsched.studies.validate import ValidationResult


def agreement_lines(result: ValidationResult) -> Iterator[str]:
    """The parts of each makespan's error, the mean absolute error, and Kendall's tau of the two
    orders of strategies.

    The parts and the mean error are percentages of the measured makespan.
    """
    for strategy, found in result.agreements.items():
        if found.parts is not None and (told := parts_in_words(found.parts)):
            yield f"{strategy}: the error of the makespan is {told}"
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


def parts_in_words(parts: ErrorParts) -> str:
    """The parts of an error, in percent, the largest first. Parts that round to 0.0% are left out.

    >>> parts_in_words(ErrorParts(0.01, -2.5, 0.0, 0.0, 0.0, 0.0, 0.3, -0.1))
    'start-up -2.5%, decisions +0.3%, waiting -0.1%'
    """
    known = {name.replace("_", "-"): percent(part) for name, part in _largest_first(parts) if abs(part) >= 0.05}
    return ", ".join(f"{name} {part}" for name, part in known.items())


def _largest_first(parts: ErrorParts) -> list[tuple[str, float]]:
    return sorted(asdict(parts).items(), key=lambda part: -abs(part[1]))
