"""Gantt charts of runs. Each worker has a lane. Each trial has a colour, a hatch, and its name
where there is room."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from hetsched.analysis.timeline import LOST
from hetsched.report.figures.style import ALARM, INK, PALE, RIM, colour, hatch, legend_rows, shortened
from hetsched.report.page.document import Mark, PageRun

LANE_IN, MOST_LANES_IN = 0.14, 7.5
"""The height of a lane, and the greatest height of all lanes of a figure, in inches. Many lanes are
lower."""

ROW_IN = 0.125
"""The height of a row of a legend in inches."""

BAR = 0.8
"""The fraction of a lane's height that a segment fills."""

LEAST_NAMED_IN = 0.09
"""The least height in inches of a lane in which trials have their names."""

MOST_IN_LEGEND, MOST_LANE_NAMES = 24, 40
"""The most trials in a legend, and the most lanes that have their workers' names."""

NAME_PART, CHARACTER_IN, LINE = 0.28, 0.052, 0.85
"""The fraction of a figure's width for the names of lanes, the width of a character in inches, and
the greatest height of the print as a fraction of a lane."""

SHADE = (0, 0, 0, 0.55)
"""The colour of hatches."""

BOUND, RESUMED = (0, (4, 2)), (0, (1, 1.5))
"""The dashes of the lines of the bound and of a resume."""

ROUNDED_S = 1e-3
"""The greatest rounding error of the times of a page, in seconds."""

SIGNS = {
    "left": ("<", INK, "worker left"),
    "joined": (">", INK, "worker joined"),
    "draining": ("D", "#FFFFFF", "notice: will leave"),
    "slowed": ("s", "#FFFFFF", "worker slowed"),
    "recovered": ("o", "#FFFFFF", "worker recovered"),
    "lost": ("X", ALARM, "segment lost"),
    "checkpoint-lost": ("P", ALARM, "checkpoint lost"),
}
EXPLOIT = ("v", "#000000", "exploit: copies another")
"""The marker, the colour and the meaning of each sign."""


class Box(NamedTuple):
    """A part of a lane."""

    lane: int
    from_s: float
    to_s: float

    @property
    def corners(self) -> list[tuple[float, float]]:
        """The corners of the box as a closed path."""
        top, bottom = self.lane - BAR / 2, self.lane + BAR / 2
        return [(self.from_s, top), (self.to_s, top), (self.to_s, bottom), (self.from_s, bottom), (self.from_s, top)]


class Legend(NamedTuple):
    """A block of the legend. Its `title` may be empty."""

    title: str
    handles: Sequence[Patch | Line2D]

    @property
    def labels(self) -> list[str]:
        return [str(handle.get_label()) for handle in self.handles]


def gantt(runs: Sequence[PageRun], titles: Sequence[str], width_in: float) -> Figure:
    """The Gantt charts of the runs, one above the other, on one axis of time in seconds."""
    lanes = [max(2, len(run.lanes)) for run in runs]
    lane_in = min(LANE_IN, MOST_LANES_IN / sum(lanes))
    plots_in = lane_in * sum(lanes) + 0.24 * len(runs) + 0.3
    legends = _legends(runs)
    below_in = sum(_height_in(legend, width_in) for legend in legends)
    figure = Figure(figsize=(width_in, plots_in + below_in))
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[plots_in, below_in])[:, 0]
    plots = above.subplots(len(runs), sharex=True, squeeze=False, height_ratios=lanes)[:, 0]
    end_s = max((max(run.end_s, run.bound_s or 0.0) for run in runs), default=0.0) or 1.0
    seconds_per_inch = end_s / max(1.0, width_in - 0.8)
    for plot, run, title in zip(plots, runs, titles, strict=True):
        _draw(plot, run, lane_in, seconds_per_inch)
        _lane_names(plot, run, lane_in, width_in)
        plot.set_title(title)
        plot.set_xlim(0, end_s * 1.01)
    plots[-1].set_xlabel("time since the start of the run [s]")
    down_in = 0.0
    for legend in legends:
        _, columns = legend_rows(legend.labels, width_in)
        below.legend(
            handles=legend.handles,
            title=legend.title,
            title_fontsize=6.5,
            alignment="left",
            ncols=columns,
            loc="upper left",
            bbox_to_anchor=(0.05 / width_in, 1 - down_in / below_in),
        )
        down_in += _height_in(legend, width_in)
    return figure


def _draw(plot: Axes, run: PageRun, lane_in: float, seconds_per_inch: float) -> None:
    _segments(plot, run)
    if lane_in >= LEAST_NAMED_IN:
        _names(plot, run, seconds_per_inch)
    _exploits(plot, run)
    _marks(plot, run)
    if run.bound_s is not None:
        plot.axvline(run.bound_s, color=INK, linestyle=BOUND, linewidth=0.9)
    plot.set_ylim(max(1, len(run.lanes)) - 0.4, -0.6)


def _segments(plot: Axes, run: PageRun) -> None:
    """Draw the segments: a whole segment is pale, and its training has the colour and hatch of its
    trial."""
    table = run.segments
    whole: list[Box] = []
    training: dict[tuple[str, str], list[Box]] = defaultdict(list)
    lost: list[Box] = []
    for row, (lane, trial) in enumerate(zip(table.lane, table.trial, strict=True)):
        whole.append(Box(lane, table.start_s[row], table.end_s[row]))
        if table.state[row] == LOST:
            lost.append(whole[-1])
        else:
            training[colour(trial), hatch(trial)].append(Box(lane, table.train_from_s[row], table.train_to_s[row]))
    _fill(plot, whole, facecolor=PALE, edgecolor=RIM, linewidth=0.25)
    for (face, pattern), boxes in training.items():
        _fill(plot, boxes, facecolor=face, linewidth=0)
        _fill(plot, boxes, facecolor="none", edgecolor=SHADE, linewidth=0, hatch=pattern)
    _fill(plot, lost, facecolor="none", edgecolor=ALARM, linewidth=0.5)


def _fill(plot: Axes, boxes: Sequence[Box], **look: Any) -> None:
    """Draw all boxes as one path. The file is then a tenth as large as with one path per box."""
    if boxes:
        corners = [corner for box in boxes for corner in box.corners]
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(boxes)
        plot.add_patch(PathPatch(Path(corners, codes), **look))


def stretches(run: PageRun) -> Iterator[list[int]]:
    """The stretches of a run, lane by lane, as lists of rows of segments.

    A stretch has segments of one trial on one lane that follow each other closely. Each stretch has
    one name.
    """
    table = run.segments
    by_lane: dict[int, list[int]] = defaultdict(list)
    for row, lane in enumerate(table.lane):
        if table.state[row] != LOST:
            by_lane[lane].append(row)
    for rows in by_lane.values():
        current = rows[:1]
        for row in rows[1:]:
            gap_s, long_s = table.start_s[row] - table.end_s[current[-1]], table.end_s[row] - table.start_s[row]
            if table.trial[row] != table.trial[current[-1]] or gap_s > long_s / 4:
                yield current
                current = []
            current.append(row)
        yield current


def _names(plot: Axes, run: PageRun, seconds_per_inch: float) -> None:
    """Write the trial's name on the training in the middle of each stretch, where there is room."""
    table, short = run.segments, short_names(run)
    for rows in stretches(run):
        row = rows[len(rows) // 2]
        name, from_s, to_s = short[table.trial[row]], table.train_from_s[row], table.train_to_s[row]
        if (to_s - from_s) / seconds_per_inch >= 0.09 + 0.053 * len(name):
            plot.text(
                (from_s + to_s) / 2,
                table.lane[row],
                name,
                fontsize=5.6,
                ha="center",
                va="center_baseline",
                bbox={"facecolor": "#FFFFFF", "linewidth": 0, "boxstyle": "square,pad=0.08"},
            )


def short_names(run: PageRun) -> list[str]:
    """The short names of the trials: the text after the last hyphen, if it differs between all
    trials."""
    names = [trial.id for trial in run.trials]
    short = [name.rpartition("-")[2] for name in names]
    return short if len(set(short)) == len(names) else names


def _exploits(plot: Axes, run: PageRun) -> None:
    """Mark each exploit on the lane of the copying trial's last segment that had ended by then."""
    ends: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for row, trial in enumerate(run.segments.trial):
        ends[trial].append((run.segments.end_s[row], run.segments.lane[row]))
    places = []
    for exploit in run.exploits:
        before = [lane for end_s, lane in ends[exploit.trial] if end_s <= exploit.time_s + ROUNDED_S]
        places += [(exploit.time_s, before[-1] - BAR / 2)] * bool(before)
    sign, face, _ = EXPLOIT
    at = [time_s for time_s, _ in places], [lane for _, lane in places]
    plot.scatter(*at, s=13, marker=sign, color=face, edgecolors="#FFFFFF", linewidths=0.25, zorder=4, clip_on=False)


def _marks(plot: Axes, run: PageRun) -> None:
    for mark in _told(run):
        if mark.kind == "resumed":
            plot.axvline(mark.time_s, color=INK, linestyle=RESUMED, linewidth=0.8)
        elif mark.lane is not None:
            sign, face, _ = SIGNS[mark.kind]
            look: dict[str, Any] = {"color": face, "markersize": 3.6, "markeredgecolor": INK, "markeredgewidth": 0.3}
            plot.plot(mark.time_s, mark.lane, sign, **look, zorder=5, clip_on=False)


def _told(run: PageRun) -> Iterator[Mark]:
    """The marks that the figure shows. Workers that joined at the start have no mark."""
    for mark in run.marks:
        if mark.kind == "resumed" or (mark.kind in SIGNS and (mark.kind != "joined" or mark.time_s > 0)):
            yield mark


def _lane_names(plot: Axes, run: PageRun, lane_in: float, width_in: float) -> None:
    """Name the lanes by their workers. With many workers only the first lane of each node has a
    name, the node's."""
    names = [lane.worker for lane in run.lanes]
    ticks = list(range(len(names)))
    if len(names) > MOST_LANE_NAMES:
        ticks = [place for place in ticks if place == 0 or run.lanes[place].node != run.lanes[place - 1].node]
        ticks = ticks[:: -(-len(ticks) // MOST_LANE_NAMES)]
        names = [run.lanes[place].node for place in ticks]
    most = int(NAME_PART * width_in / CHARACTER_IN)
    size = max(5.0, min(6.5, 72 * lane_in * LINE))
    plot.set_yticks(ticks, [shortened(name, most) for name in names], fontsize=size)
    plot.tick_params(axis="y", length=0)


def _legends(runs: Sequence[PageRun]) -> list[Legend]:
    """The legends of the signs in any of the runs, and of the trials if there are not too many."""
    legends = [Legend("", _signs(runs))]
    most = max(runs, key=lambda run: len(run.trials))
    if len(most.trials) <= MOST_IN_LEGEND:
        short = short_names(most)
        begin = {trial.id.removesuffix(name) for trial, name in zip(most.trials, short, strict=True)} - {""}
        title = "trials" + (f", named {' or '.join(f'{name}…' for name in sorted(begin))}" if begin else "")
        handles = [
            Patch(facecolor=colour(number), hatch=hatch(number), edgecolor=SHADE, linewidth=0, label=name)
            for number, name in enumerate(short)
        ]
        legends.append(Legend(title, handles))
    return legends


def _signs(runs: Sequence[PageRun]) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = [Patch(facecolor=PALE, edgecolor=RIM, linewidth=0.4, label="overhead")]
    if any(run.exploits for run in runs):
        handles.append(_sign(*EXPLOIT))
    kinds = {mark.kind for run in runs for mark in _told(run)}
    handles += [_sign(*SIGNS[kind]) for kind in SIGNS if kind in kinds]
    if "resumed" in kinds:
        handles.append(Line2D([], [], color=INK, linestyle=RESUMED, linewidth=0.8, label="resumed"))
    if any(run.bound_s is not None for run in runs):
        handles.append(Line2D([], [], color=INK, linestyle=BOUND, linewidth=0.9, label="lower bound"))
    return handles


def _sign(sign: str, face: str, label: str) -> Line2D:
    return Line2D([], [], marker=sign, color=face, markersize=3.8, mec=INK, mew=0.3, linestyle="", label=label)


def _height_in(legend: Legend, width_in: float) -> float:
    rows, _ = legend_rows(legend.labels, width_in)
    return ROW_IN * (rows + bool(legend.title)) + 0.1
