"""Tables and lines that show what `hetsched fidelity` found, for the terminal and as Markdown."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
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

ERRORS = {
    "runs": "how many recordings the errors are from",
    "mean": "of the signed errors (above 0: the prediction is too large)",
    "mean absolute": "of the errors without their signs",
    "p50": "the median of the absolute errors",
    "p90": "the 90th percentile of the absolute errors",
    "worst": "the largest absolute error",
}
"""What the columns of a distribution say."""

OF_FIGURES = {
    "error of": "predicted - measured of the figure; [%]: of the measured value, [points]: percentage points",
    **ERRORS,
}

OF_FACTORS = {
    "factor": "what may influence the makespan's error [%]",
    "level": "the value of the factor: the runs of one row have it",
    **ERRORS,
    "completion, mean": "the signed error [%] of the trials' completion times, the mean over the runs",
}

OF_PARTS = {
    "part of the makespan's error [%]": "what takes longer as predicted; the parts of a run add up to its error",
    "mean": "of the signed parts over the runs, in percent of the measured makespan",
    "mean absolute": "of the parts without their signs",
}

OF_RECORDINGS = {
    "recording": "a real run, recorded with the profile that was probed before it",
    "predicted [s]": "makespan, the mean over the simulations",
    "measured [s]": "makespan of the real run",
    "makespan": "(predicted - measured) / measured",
    "completion": "the same of the trials' completion times, the mean over the trials",
    "utilisation": "predicted - measured of the workers' utilisation, in percentage points, the mean over the workers",
    "segment": "(predicted - measured) / measured of the mean time of a segment",
    "decisions alike": "the share of segments that went to the same worker for as many iterations",
    "machine": "as probed; another: its steps or its load differed from the time of the probe",
}


class Listing(NamedTuple):
    """A table whose cells are texts. `says` has what each heading says."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    says: Mapping[str, str]

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
        OF_FIGURES,
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
        OF_FACTORS,
    )


def _parts(result: FidelityResult) -> Listing:
    return Listing(
        ("part of the makespan's error [%]", "mean", "mean absolute"),
        [
            (part.replace("_", "-"), rounded(found["mean"], 2), f"{found['mean_absolute']:.2f}")
            for part, found in mean_parts(result.errors).items()
        ],
        OF_PARTS,
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
        OF_RECORDINGS,
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


def assumed(result: FidelityResult) -> list[str]:
    """What predictions assumed, a line per assumption with the number of its recordings."""
    return in_how_many(result.assumptions.values(), counted(len(result.errors), "recording"))


def in_how_many(lines: Collection[Sequence[str]], of: str) -> list[str]:
    """Each line once, with the number of those that have it, `of` so many.

    >>> in_how_many([["a", "b"], ["a"]], "3 runs")
    ['a (2 of 3 runs)', 'b (1 of 3 runs)']
    """
    found = Counter(line for of_one in lines for line in dict.fromkeys(of_one))
    return [f"{line} ({number} of {of})" for line, number in found.items()]


def _cells(found: Distribution, decimals: int = 1, absolute: bool = False) -> list[str]:
    """The cells of one distribution, in the order of `DISTRIBUTION`. `absolute` errors have no
    signed mean."""
    figures = (found.mean_absolute, found.p50, found.p90, found.worst)
    mean = "" if absolute else rounded(found.mean, decimals)
    return [str(found.runs), mean, *(f"{figure:.{decimals}f}" for figure in figures)]
