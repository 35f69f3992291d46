"""Figures over the time of a run: the utilisation of workers, and the scores of trials."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hetsched.analysis.band_over_seeds import Array, Band
from hetsched.report.figures.style import INK, colour, dash, legend_below, one_plot
from hetsched.report.page.document import PageRun, Series
from hetsched.report.scores import metric_name

PARTS = 60
"""The number of equal parts of a run over which a line of utilisation has means. At paper size more
would be noise."""

MOST_LINES = 8
"""The most lines with names in one plot."""

TIME = "time since the start of the run [s]"


def utilisation(run: PageRun, width_in: float) -> Figure | None:
    """The utilisation over time, with one plot per group of series. A group with too many series
    has no plot.

    None: no group has a plot.
    """
    groups: dict[str, list[Series]] = defaultdict(list)
    for series in run.utilisation:
        groups[series.group].append(series)
    shown = {group: series for group, series in groups.items() if len(series) <= MOST_LINES}
    if not shown:
        return None
    figure = Figure(figsize=(width_in, 0.5 + len(shown) * 1.3))
    plots = figure.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    for plot, (group, lines) in zip(plots, shown.items(), strict=True):
        for number, line in enumerate(lines):
            _busy(plot, number, line.name, line, run.end_s)
        plot.set_xlim(0, run.end_s)
        plot.set_title(f"by {group}" if len(lines) > 1 else lines[0].name)
        if len(lines) > 1:
            plot.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    plots[-1].set_xlabel(TIME)
    return figure


def utilisation_of_strategies(runs: Sequence[PageRun], width_in: float) -> Figure | None:
    """The utilisation of all workers over time, with one line per run."""
    shown = [run for run in runs if run.utilisation]
    if not shown:
        return None
    figure, plot = one_plot(width_in, 2.0)
    for number, run in enumerate(shown):
        _busy(plot, number, run.strategy, run.utilisation[0], run.end_s)
    plot.set_xlim(0, max(run.end_s for run in shown))
    plot.set_xlabel(TIME)
    legend_below(figure, plot.get_lines(), width_in)
    return figure


def _busy(plot: Axes, number: int, name: str, series: Series, end_s: float) -> None:
    time_s, share = means(series, end_s)
    look = {"color": colour(number), "linestyle": dash(number), "label": name}
    plot.plot(time_s, 100 * share, drawstyle="steps-post", **look)
    plot.set_ylim(0, 103)
    plot.set_ylabel("utilisation [%]")


def means(series: Series, end_s: float) -> tuple[Array, Array]:
    """The means of a step function over equal parts of the run.

    The first array has the start of each part and the end of the last part, in seconds. The second
    array has the mean of each part, and the last mean twice. A mean is nan where no value is known.
    """
    time_s = np.array([*series.time_s, max(end_s, series.time_s[-1])])
    value = np.array([np.nan if value is None else value for value in series.value])
    known = ~np.isnan(value)
    edges = np.linspace(0.0, end_s, PARTS + 1)

    def until(weights: Array) -> Array:
        total: Array = np.interp(edges, time_s, np.concatenate([[0.0], np.cumsum(weights * np.diff(time_s))]))
        return np.diff(total)

    seconds = until(known.astype(float))
    mean = np.full(PARTS, np.nan)
    np.divide(until(np.where(known, value, 0.0)), seconds, out=mean, where=seconds > 1e-9 * max(end_s, 1e-9))
    return edges, np.append(mean, mean[-1:])


def scores(run: PageRun, width_in: float) -> Figure | None:
    """The score of every trial, and the best score so far, over time. None: no segment has a
    score."""
    table, of_trial = run.segments, defaultdict[int, list[tuple[float, float]]](list)
    ended = sorted(
        {(table.end_s[row], table.trial[row], score) for row, score in enumerate(table.score) if score is not None}
    )
    for end_s, trial, score in ended:
        of_trial[trial].append((end_s, score))
    if not ended:
        return None
    figure, plot = one_plot(width_in, 2.2)
    few = len(of_trial) <= MOST_LINES
    for trial, points in sorted(of_trial.items()):
        look = {"linestyle": dash(trial), "label": run.trials[trial].id} if few else {"alpha": 0.7}
        plot.plot(*zip(*points, strict=True), color=colour(trial), linewidth=0.6, **look)
    if run.metric is not None:
        best = np.maximum if run.metric.mode == "max" else np.minimum
        time_s, reached = [end_s for end_s, *_ in ended], best.accumulate([score for *_, score in ended])
        plot.plot(time_s, reached, color=INK, linewidth=1.2, drawstyle="steps-post", label="best so far")
    _score_axes(plot, metric_name(run.metric))
    named = [line for line in plot.get_lines() if not str(line.get_label()).startswith("_")]
    legend_below(figure, named, width_in)
    return figure


def best_of_strategies(bands: Mapping[str, Band], metric: str, width_in: float) -> Figure:
    """The best score so far over time, by strategy: the mean over the seeds, and the range over the
    seeds."""
    figure, plot = one_plot(width_in, 2.2)
    for number, (strategy, band) in enumerate(bands.items()):
        look = {"color": colour(number), "linestyle": dash(number), "label": strategy}
        plot.plot(band.time_s, band.mean, drawstyle="steps-post", **look)
        plot.fill_between(band.time_s, band.low, band.high, step="post", color=colour(number), alpha=0.25, lw=0)
    _score_axes(plot, f"best {metric}")
    seeds = max((band.seeds for band in bands.values()), default=0)
    plot.set_title(f"mean of {seeds} seeds; band: least to most" if seeds > 1 else "one seed")
    legend_below(figure, plot.get_lines(), width_in)
    return figure


def _score_axes(plot: Axes, name: str) -> None:
    plot.set_xlabel(TIME)
    plot.set_ylabel(name)
    plot.set_xlim(left=0)
