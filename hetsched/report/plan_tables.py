"""The table and the lines that show a plan."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from hetsched.domain.prediction import Prediction
from hetsched.errors import counted
from hetsched.report.figures_in_words import between, interval, percent, seconds
from hetsched.studies.forecast import Forecast
from hetsched.studies.foretold import Foretold

NAMED = 3
"""The number of strategies that a line names when they are left out for one reason."""


def plan_table(forecasts: Mapping[str, Forecast], rows: int | None = None) -> Table:
    """One row per strategy, in the order of the forecasts, which is the best first. `rows` is the
    most rows (None: all)."""
    table = Table(header_style="bold")
    table.add_column("strategy")
    for heading in ("makespan\n[s]", "95% interval", "x own\nbound", "x\nbound", "trials\nstopped"):
        table.add_column(heading, justify="right")
    for name, found in list(forecasts.items())[:rows]:
        table.add_row(
            name,
            seconds(found.makespan_s.mean),
            interval(found.makespan_s),
            _ratio(found.workers_bound_ratio),
            _ratio(found.bound_ratio),
            f"{found.stopped:.1f}" if found.stopped else "",
        )
    return table


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def reasons(left_out: Mapping[str, str]) -> Iterator[str]:
    """One line per reason for which strategies were left out, with the names of the first
    strategies."""
    strategies: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        strategies.setdefault(reason, []).append(name)
    for reason, names in strategies.items():
        more = len(names) - NAMED
        yield f"{', '.join(names[:NAMED])}{f' and {more} more' if more > 0 else ''}: {reason}"


def predicted(prediction: Prediction) -> str:
    """A line with the makespan that a plan predicts, in seconds, and with its 95% interval.

    >>> predicted(Prediction("fusion+lookahead", 118.2, (112.0, 124.4)))
    'predicted for fusion+lookahead: 118 s; 95% of simulated runs end within 112 .. 124 s'
    """
    text = f"predicted for {prediction.strategy}: {seconds(prediction.makespan_s)} s"
    if prediction.interval_s is None:
        return text
    return f"{text}; 95% of simulated runs end within {between(*prediction.interval_s)} s"


def foretold(found: Foretold) -> Iterator[str]:
    """Lines with the predicted makespan of runs, the measured makespans in seconds, and the error
    in percent."""
    yield predicted(found.prediction)
    measured = ", ".join(map(seconds, found.measured_s))
    if found.error_percent is None:
        yield f"measured: {measured} s"
        return
    how = "short" if found.error_percent < 0 else "long"
    runs = counted(len(found.measured_s), "run")
    within = "" if found.within is None else f"; {found.within} of {runs} ended within the interval"
    error = percent(abs(found.error_percent), signed=False)
    yield f"measured: {measured} s; the prediction was {error} too {how}{within}"
