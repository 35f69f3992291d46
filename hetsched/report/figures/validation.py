"""The figure of a validation: predicted and measured makespans by strategy."""

from typing import Any

from matplotlib.figure import Figure

from hetsched.report.figures.style import INK, colour, legend_below, one_plot
from hetsched.report.figures_in_words import percent
from hetsched.report.page.document import Estimate, PageValidation

ROW_IN = 0.3


def predicted_against_measured(validation: PageValidation, width_in: float) -> Figure:
    """One row per strategy: the predicted and the measured makespan in seconds, and the error in
    percent."""
    rows = validation.strategies
    figure, plot = one_plot(width_in, 0.8 + ROW_IN * len(rows))
    for place, row in enumerate(rows):
        plot.plot([row.predicted_s, row.measured_s], [place, place], color=INK, linewidth=0.8, zorder=1)
    places = range(len(rows))
    look: dict[str, Any] = {"linestyle": "", "markersize": 5, "markeredgecolor": INK, "markeredgewidth": 0.6}
    handles = [
        *plot.plot([row.predicted_s for row in rows], places, "o", color="#FFFFFF", label="predicted", **look),
        *plot.plot([row.measured_s for row in rows], places, "s", color=colour(0), label="measured", **look),
    ]
    plot.set_yticks(places, [row.strategy for row in rows])
    plot.tick_params(axis="y", length=0)
    plot.set_ylim(len(rows) - 0.5, -0.5)
    plot.margins(x=0.1)
    plot.set_xlabel("makespan [s]")
    errors = plot.twinx()
    errors.set_ylim(plot.get_ylim())
    errors.set_yticks(places, [error(row.error_percent) for row in rows])
    errors.tick_params(axis="y", length=0)
    legend_below(figure, handles, width_in)
    return figure


def error(found: Estimate | None) -> str:
    """An error in percent with its 95% interval. The text is empty if the error is unknown.

    >>> error(Estimate(-3.25, -4.0, -2.5)), error(Estimate(3.25)), error(None)
    ('-3.2% (-4.0 .. -2.5)', '+3.2%', '')
    """
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return percent(found.mean)
    return f"{percent(found.mean)} ({percent(found.low)[:-1]} .. {percent(found.high)[:-1]})"
