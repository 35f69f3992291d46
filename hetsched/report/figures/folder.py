"""Draws the figures of a results folder into files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hetsched.domain.entry_points import needed_for
from hetsched.errors import InputError, NoResultError, nearest, path_of
from hetsched.report.page.page import page
from hetsched.report.page.several import studies_of
from hetsched.report.page.study import NOTHING_YET
from hetsched.report.printable import printable
from hetsched.studies.again import Study, study_in
from hetsched.studies.caveats import Caveats
from hetsched.studies.folder_caveats import caveats_of_folder

FORMATS = ("pdf", "svg", "png")

COLUMN_IN, PAGE_IN = 3.33, 7.0
"""The width in inches of one column of a paper, and of both columns."""

NARROWEST_IN, WIDEST_IN = 2.0, 40.0
COARSEST_DPI, FINEST_DPI = 30, 1200

KINDS = {
    "gantt": "who trained where and when",
    "utilisation": "how busy the workers were over time",
    "metric": "scores over time",
    "ratio-to-bound": "makespans against the lower bound, by strategy",
    "paired-differences": "how many times faster than the baseline, by seed",
    "predicted-against-measured": "the makespans of a validation",
    "critical-difference": "the mean ranks of policies over the scenarios of a suite, and who is not told apart",
    "performance-profile": "on what part of a suite's runs makespan / bound is at most so much",
    "target-profile": "the same of the time to the target / bound",
    "decision-time": "the time of a decision beside makespan / bound, by policy",
    "contributions": "what each part contributes to the makespan, of an ablation",
}
"""The kinds of figures and what each shows. The names of a figure's files begin with its kind."""

CALLED: dict[Study | None, str] = {
    "compare": "a comparison",
    "simulate": "a simulation",
    "run": "a run",
    "validate": "a validation",
    "plan": "a plan",
    "ablate": "an ablation",
    None: "a folder of runs",
}
"""The words for a study in a message."""


class Drawn(NamedTuple):
    """The files of a study's figures, and its assumptions and warnings."""

    files: list[Path]
    caveats: Caveats


def figures(
    folder: Path | str,
    out: Path | str | None = None,
    *,
    width: float = COLUMN_IN,
    formats: Sequence[str] = ("pdf",),
    only: Sequence[str] = (),
    dpi: int = 300,
) -> list[Path]:
    """Draw the figures of a results folder, and return the files.

    The files go to the folder `out`, by default the folder `figures` in the results folder. Files
    of these names are replaced. The same results give the same files. In a folder with several
    studies each study has a folder of its own name in `out`. `width` is in inches. `formats` may
    have pdf, svg and png. `dpi` is the number of dots per inch of a PNG. `only` names the kinds of
    figures to draw (empty: all).

    Raises InputError if the input is wrong, if there is nothing to draw, and if matplotlib (the
    extra `figures`) is not installed. Raises NoResultError if the study has no result yet.
    """
    drawn = figures_by_study(folder, out, width=width, formats=formats, only=only, dpi=dpi)
    return [file for of_study in drawn.values() for file in of_study.files]


def figures_by_study(
    folder: Path | str, out: Path | str | None, *, width: float, formats: Sequence[str], only: Sequence[str], dpi: int
) -> dict[Path, Drawn]:
    """Draw the same files as `figures`, and return them by the folder of their study.

    A study with nothing to draw has no files. Raises errors as `figures` does.
    """
    _check(width, formats, only, dpi)
    with needed_for("figures", "figures"):
        from hetsched.report.figures.style import in_style
    folder = path_of(folder, "folder")
    target = folder / "figures" if out is None else path_of(out, "out")
    studies = studies_of(folder)
    with in_style():
        drawn = {
            study: _drawn(study, target / study.relative_to(folder), width, formats, only, dpi)
            for study in studies or [folder]
        }
    if not any(of_study.files for of_study in drawn.values()):
        if not studies and (why := page(folder).remarks.get(NOTHING_YET)):
            raise NoResultError("\n".join(why))
        none = f"none of the {len(studies)} studies in it has anything" if studies else _nothing(folder)
        raise InputError(f"{folder}: {none} to draw" + f" for {', '.join(only)}" * bool(only))
    return drawn


def _drawn(folder: Path, target: Path, width: float, formats: Sequence[str], only: Sequence[str], dpi: int) -> Drawn:
    """Draw the figures of one study."""
    from hetsched.report.figures.drawings import drawings_of
    from hetsched.report.figures.style import save

    files: list[Path] = []
    caveats = caveats_of_folder(folder)
    about = printable("\n".join(caveats.lines()))
    for drawing in drawings_of(page(folder), folder, width):
        if (not only or drawing.kind in only) and (figure := drawing.draw()) is not None:
            _make(target)
            files += save(figure, target / file_name(drawing.name), formats, dpi, about)
    return Drawn(files, caveats)


def _nothing(folder: Path) -> str:
    return f"{CALLED[study_in(folder)]} has nothing"


def _check(width: float, formats: Sequence[str], only: Sequence[str], dpi: int) -> None:
    if not NARROWEST_IN <= width <= WIDEST_IN:
        raise InputError(f"width: expected {NARROWEST_IN:g} to {WIDEST_IN:g} inches, found {width!r}")
    if not COARSEST_DPI <= dpi <= FINEST_DPI:
        raise InputError(f"dpi: expected {COARSEST_DPI} to {FINEST_DPI} dots per inch, found {dpi!r}")
    for given, known, what in ((formats, FORMATS, "format"), (only, KINDS, "figure")):
        if isinstance(given, str):
            raise InputError(f"{what}s: expected a list of names, such as [{given!r}], found {given!r}")
        for name in given:
            if name not in known:
                raise InputError(f"no {what} {name!r}: {nearest(name, known)}")
    if not formats:
        raise InputError(f"formats: expected at least one of {', '.join(FORMATS)}")


def _make(target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target}: cannot be made: {error.strerror}") from error


def file_name(name: str) -> str:
    """The name without the characters that are special to a file system or a shell. Names come from
    logs.

    >>> file_name("gantt-fusion+hrfs-seed-0"), file_name("gantt-../a b")
    ('gantt-fusion+hrfs-seed-0', 'gantt-.._a_b')
    """
    return re.sub(r"[^A-Za-z0-9+._-]", "_", name)[:120]
