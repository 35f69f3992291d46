"""Tables and lines that show what `hetsched fidelity` found, for the terminal and as Markdown."""

from collections.abc import Iterator
from typing import NamedTuple

from rich.table import Table

from hetsched.errors import counted
from hetsched.report.figures_in_words import percent, rounded
from hetsched.studies.fidelity.fidelity import FidelityResult
from hetsched.studies.fidelity.table import FIGURES, Distribution, by_factor, distributions, mean_parts

NAMES = {
    **FIGURES,
    "completion_absolute": "each trial's, absolute [%]",
    "utilisation_absolute": "each worker's, absolute [points]",
}

DISTRIBUTION = ("runs", "mean", "mean absolute", "p50", "p90", "worst")


class Listing(NamedTuple):
    """A table whose cells are texts."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def table(self) -> Table:
        """The table for the terminal. The first column is left-justified, all others are
        right-justified."""
        table = Table(header_style="bold")
        for number, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """The table in Markdown, for a page."""
        lines = [self.headings, ("---",) * len(self.headings), *self.rows]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def listings(result: FidelityResult) -> Iterator[Listing]:
    """Four tables: errors by figure, errors by factor, parts of the makespan's error, and errors by
    recording."""
    yield _figures(result)
    yield _factors(result)
    yield _parts(result)
    yield _recordings(result)


def _figures(result: FidelityResult) -> Listing:
    found = distributions(result.errors).items()
    return Listing(
        ("error of", *DISTRIBUTION),
        [(NAMES[name], *_cells(one, 3 if name == "score" else 1, name.endswith("_absolute"))) for name, one in found],
    )


def _factors(result: FidelityResult) -> Listing:
    """Per level of each factor: the distribution of the makespan's error, and the mean error of
    completion."""
    return Listing(
        ("factor", "level", *DISTRIBUTION, "completion, mean"),
        [
            (factor.replace("_", " "), level, *_cells(found["makespan"]), rounded(found["completion"].mean, 1))
            for factor, levels in by_factor(result.errors).items()
            for level, found in levels.items()
        ],
    )


def _parts(result: FidelityResult) -> Listing:
    return Listing(
        ("part of the makespan's error [%]", "mean", "mean absolute"),
        [
            (part.replace("_", "-"), rounded(found["mean"], 2), f"{found['mean_absolute']:.2f}")
            for part, found in mean_parts(result.errors).items()
        ],
    )


def _recordings(result: FidelityResult) -> Listing:
    return Listing(
        (
            "recording",
            "predicted [s]",
            "measured [s]",
            "makespan",
            "completion",
            "utilisation",
            "segment",
            "decisions alike",
            "machine",
        ),
        [
            (
                one.recording,
                f"{one.predicted_s:.1f}",
                f"{one.measured_s:.1f}",
                percent(one.makespan),
                percent(one.completion),
                rounded(one.utilisation, 1),
                percent(one.segment_time),
                percent(one.decisions_alike, 0, signed=False),
                one.machine,
            )
            for one in result.errors
        ],
    )


def lines(result: FidelityResult) -> list[str]:
    """Lines about the simulator's own time in seconds, and about what has changed since the last
    table."""
    told = [
        f"the simulator took {result.simulator_s:.1f} s of CPU for {counted(len(result.errors), 'run')} of "
        f"{result.measured_s:,.0f} s"
    ]
    if result.change is None:
        return [*told, "no earlier table to compare with: --write makes one"]
    found = result.change
    told.append(
        f"mean absolute error of the makespan: {found.now:.2f}%, in the last table {found.before:.2f}% "
        f"({counted(found.recordings, 'recording')} in both)"
    )
    return [*told, *(f"  {name}: {then:+.2f}% before, {now:+.2f}% now" for name, (then, now) in found.moved.items())]


def _cells(found: Distribution, decimals: int = 1, absolute: bool = False) -> list[str]:
    """The cells of one distribution, in the order of `DISTRIBUTION`. `absolute` errors have no
    signed mean."""
    figures = (found.mean_absolute, found.p50, found.p90, found.worst)
    mean = "" if absolute else rounded(found.mean, decimals)
    return [str(found.runs), mean, *(f"{figure:.{decimals}f}" for figure in figures)]
