"""What `hetsched fidelity` found, as tables and lines for the terminal."""

from rich.table import Table

from hetsched.errors import counted
from hetsched.report.figures_in_words import percent
from hetsched.studies.fidelity.fidelity import FidelityResult
from hetsched.studies.fidelity.table import FIGURES, Distribution, by_factor, distributions, mean_parts

HEADINGS = ("runs", "mean", "mean\nabsolute", "p50", "p90", "worst")

NAMES = {
    **FIGURES,
    "completion_absolute": "each trial's, absolute [%]",
    "utilisation_absolute": "each worker's, absolute [points]",
}


def recordings_table(result: FidelityResult) -> Table:
    """A row per recording: makespans, and signed errors."""
    headings = (
        "predicted\n[s]",
        "measured\n[s]",
        "makespan",
        "completion",
        "utilisation",
        "segment",
        "decisions\nalike",
    )
    table = _table("recording", headings)
    for one in result.errors:
        table.add_row(
            one.recording,
            f"{one.predicted_s:.1f}",
            f"{one.measured_s:.1f}",
            percent(one.makespan),
            percent(one.completion),
            f"{one.utilisation:+.1f}",
            percent(one.segment_time),
            percent(one.decisions_alike, 0, signed=False),
        )
    return table


def figures_table(result: FidelityResult) -> Table:
    """A row per figure: the distribution of its error over the recordings."""
    table = _table("error of", HEADINGS)
    for name, found in distributions(result.errors).items():
        table.add_row(NAMES[name], *_cells(found, 3 if name == "score" else 1))
    return table


def factors_table(result: FidelityResult) -> Table:
    """A row per level of a factor: the distribution of the error of the makespan, and the bias of completion."""
    table = _table("factor", ("level", *HEADINGS, "completion\nmean"))
    for factor, levels in by_factor(result.errors).items():
        for level, found in levels.items():
            bias = f"{found['completion'].mean:+.1f}"
            table.add_row(factor.replace("_", " "), level, *_cells(found["makespan"]), bias)
    return table


def parts_table(result: FidelityResult) -> Table:
    """A row per part of the error of a makespan, in percent of the makespan."""
    table = _table("part of the makespan's error", ("mean", "mean\nabsolute"))
    for part, found in mean_parts(result.errors).items():
        table.add_row(part.replace("_", "-"), f"{found['mean']:+.2f}", f"{found['mean_absolute']:.2f}")
    return table


def lines(result: FidelityResult) -> list[str]:
    """The simulator's own time, and what has changed since the table before."""
    told = [
        f"the simulator took {result.simulator_s:.1f} s of CPU for {counted(len(result.errors), 'run')} of "
        f"{result.measured_s:,.0f} s"
    ]
    if result.change is None:
        return [*told, "no table before to compare with: --write makes one"]
    found = result.change
    told.append(
        f"mean absolute error of the makespan: {found.now:.2f}%, by the table before {found.before:.2f}% "
        f"({counted(found.recordings, 'recording')} in both)"
    )
    return [*told, *(f"  {name}: {then:+.2f}% before, {now:+.2f}% now" for name, (then, now) in found.moved.items())]


def _cells(found: Distribution, decimals: int = 1) -> list[str]:
    figures = (found.mean_absolute, found.p50, found.p90, found.worst)
    return [str(found.runs), f"{found.mean:+.{decimals}f}", *(f"{figure:.{decimals}f}" for figure in figures)]


def _table(first: str, headings: tuple[str, ...]) -> Table:
    table = Table(header_style="bold")
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
