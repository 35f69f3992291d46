"""The figures of a comparison: makespans against the bound, and speed-ups over the baseline, seed
by seed."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hetsched.report.figures.style import INK, colour, legend_below, marker, one_plot
from hetsched.report.page.document import Estimate, PageComparison, StrategyRow

ROW_IN = 0.24

MARKS = (
    Line2D([], [], linestyle="", marker="o", color="#FFFFFF", mec=INK, mew=0.6, markersize=4.5, label="mean"),
    Line2D([], [], color=INK, linewidth=1.1, label="95% interval"),
    Line2D([], [], linestyle="", marker="|", color=INK, mew=0.5, markersize=3.5, label="seeds"),
)


def ratio_to_bound(comparison: PageComparison, width_in: float) -> Figure | None:
    """Makespan / bound by strategy: the mean, its 95% interval, and every seed. None: no bound is
    known."""
    rows = [row for row in comparison.strategies if row.bound_ratios]
    if not rows:
        return None
    figure, plot = _rows(rows, width_in)
    for place, row in enumerate(rows):
        _row(plot, place, comparison.strategies.index(row), row.bound_ratio, row.bound_ratios)
    plot.axvline(1.0, color=INK, linestyle=(0, (4, 2)), linewidth=0.9)
    plot.set_xlim(left=0.97)
    plot.set_xlabel("makespan / lower bound")
    legend_below(figure, MARKS, width_in)
    return figure


def paired_differences(comparison: PageComparison, width_in: float) -> Figure | None:
    """The speed-up over the baseline by strategy: the mean, its 95% interval, and every seed.

    None: there is no strategy beside the baseline.
    """
    rows = [row for row in comparison.strategies if row.speedup is not None]
    if not rows:
        return None
    figure, plot = _rows(rows, width_in)
    for place, row in enumerate(rows):
        if row.speedup is not None:
            _row(plot, place, comparison.strategies.index(row), row.speedup, row.speedups)
    plot.axvline(1.0, color=INK, linewidth=0.6)
    plot.set_xlabel(f"makespan of {comparison.baseline} / makespan")
    legend_below(figure, MARKS, width_in)
    return figure


def _rows(rows: Sequence[StrategyRow], width_in: float) -> tuple[Figure, Axes]:
    figure, plot = one_plot(width_in, 0.75 + ROW_IN * len(rows))
    plot.set_yticks(range(len(rows)), [row.strategy for row in rows])
    plot.tick_params(axis="y", length=0)
    plot.set_ylim(len(rows) - 0.5, -0.5)
    plot.grid(axis="x", linewidth=0.3, color="#CCCCCC")
    plot.set_axisbelow(True)
    return figure, plot


def _row(plot: Axes, place: int, number: int, estimate: Estimate, seeds: Sequence[float]) -> None:
    plot.plot(seeds, [place + 0.22] * len(seeds), "|", color=INK, markersize=3.5, mew=0.5)
    if estimate.low is not None and estimate.high is not None:
        plot.plot([estimate.low, estimate.high], [place, place], color=INK, linewidth=1.1)
    look: dict[str, Any] = {"color": colour(number), "markeredgecolor": INK, "markeredgewidth": 0.5, "markersize": 3.8}
    plot.plot(estimate.mean, place, marker(number), **look)
