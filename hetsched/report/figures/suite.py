"""The figures of a suite: mean ranks, performance profiles, and decision time against makespan /
bound."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from hetsched.report.figures.style import INK, colour, dash, legend_below, one_plot
from hetsched.report.page.document import PageSuite, Profile, SuiteRow

ROW_IN = 0.13

BAR = "#D55E00"
"""The colour of the bars that join policies."""

BEYOND = 1.05
"""The factor by which the axis of a profile goes beyond the ratios."""

TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def critical_difference(suite: PageSuite, width_in: float) -> Figure | None:
    """The mean rank of every policy, the best on top. A bar joins neighbours that the scenarios do
    not tell apart.

    None: there is only one policy.
    """
    if len(suite.by_rank) < 2:
        return None
    names, ranks = suite.by_rank, {row.policy: row.rank for row in suite.policies}
    figure, plot = one_plot(width_in, 0.75 + ROW_IN * len(names))
    places = range(len(names))
    plot.hlines(places, 0.5, [ranks[name] for name in names], color="#CCCCCC", linewidth=0.4, zorder=0)
    plot.plot([ranks[name] for name in names], places, "o", color=colour(6), markersize=3)
    plot.set_yticks(places, names)
    plot.tick_params(axis="y", length=0)
    plot.set_ylim(len(names) - 0.5, -0.5)
    last = max(ranks.values())
    plot.set_xlim(0.5, last * (1.06 + 0.04 * len(suite.cliques)))
    plot.set_xticks([rank for rank in range(1, int(last) + 1) if rank == 1 or rank % (5 if last > 8 else 1) == 0])
    for number, clique in enumerate(suite.cliques):
        rows = [names.index(clique[0]) - 0.3, names.index(clique[-1]) + 0.3]
        plot.plot([last * (1.06 + 0.04 * number)] * 2, rows, color=BAR, linewidth=1.8, solid_capstyle="butt")
    plot.set_xlabel(f"mean rank over {suite.scenarios} scenarios")
    legend_below(figure, _rank_marks(suite), width_in)
    return figure


def _rank_marks(suite: PageSuite) -> list[Line2D]:
    marks = [Line2D([], [], linestyle="", marker="o", color=colour(6), markersize=3, label="mean rank")]
    if suite.scenarios < suite.scenarios_needed:
        label = f"nobody can be told apart: {suite.scenarios_needed} scenarios are needed"
        return [*marks, Line2D([], [], linestyle="", label=label)]
    return [*marks, Line2D([], [], color=BAR, linewidth=1.8, label="not told apart")] if suite.cliques else marks


def performance_profile(suite: PageSuite, width_in: float) -> Figure | None:
    """The fraction of runs whose makespan / bound is at most the ratio on the axis (Dolan and
    More)."""
    return _profiles(suite, lambda row: row.bounds, "makespan / bound, at most", width_in)


def target_profile(suite: PageSuite, width_in: float) -> Figure | None:
    """The performance profile of time to the target / bound. None: no scenario has a target that
    was reached."""
    return _profiles(suite, lambda row: row.targets, "time to target / bound, at most", width_in)


def _profiles(suite: PageSuite, of: Callable[[SuiteRow], Profile | None], label: str, width_in: float) -> Figure | None:
    shown = [(row.policy, steps) for row in suite.policies if row.drawn and (steps := of(row)) is not None]
    ratios = [ratio for _, steps in shown for ratio in steps.ratio]
    if not ratios:
        return None
    figure, plot = one_plot(width_in, 2.1)
    low, high = min(1.0, *(ratio / BEYOND for ratio in ratios)), max(*ratios, 1.01) * BEYOND
    lines = [_line(plot, number, name, steps, low, high) for number, (name, steps) in enumerate(shown)]
    _log_axis(plot, low, high)
    plot.set_ylim(0, 1.02)
    plot.set_xlabel(label)
    plot.set_ylabel("part of the runs")
    legend_below(figure, lines, width_in)
    return figure


def _line(plot: Axes, number: int, name: str, steps: Profile, low: float, high: float) -> Line2D:
    xs = [low, *steps.ratio, high]
    ys = [0.0, *steps.part, steps.part[-1] if steps.part else 0.0]
    [line] = plot.step(xs, ys, where="post", color=colour(number), linestyle=dash(number), label=name)
    return line


def _log_axis(plot: Axes, low: float, high: float) -> None:
    plot.set_xscale("log")
    plot.set_xlim(low, high)
    plot.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if low <= tick <= high]))
    plot.xaxis.set_minor_locator(NullLocator())
    plot.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))


def decision_time(suite: PageSuite, width_in: float) -> Figure | None:
    """The decision time against the interquartile mean of makespan / bound, with one numbered dot
    per policy.

    None: the decision time of fewer than two policies was measured on this host.
    """
    known = [row for row in suite.policies if row.decision_s]
    if len(known) < 2:
        return None
    figure, plot = one_plot(width_in, 2.3 + 0.13 * len(known) / (3 if width_in > 5 else 2))
    plot.set_xscale("log")
    marks = [_dot(plot, number, row) for number, row in enumerate(known, start=1)]
    plot.margins(0.08)
    plot.set_xlabel("time of a call of the policy [ms]")
    plot.set_ylabel("makespan / bound")
    plot.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
    legend_below(figure, marks, width_in)
    return figure


def _dot(plot: Axes, number: int, row: SuiteRow) -> Line2D:
    """Draw the dot of a policy, and return its line of the legend."""
    at = (1e3 * (row.decision_s or 0.0), row.bound_ratio.mean)
    plot.plot(*at, "o", color=colour(6), markersize=3)
    plot.annotate(str(number), at, xytext=(2.5, 1.5), textcoords="offset points", fontsize=6, color=INK)
    return Line2D([], [], linestyle="", label=f"{number} {row.policy}")
