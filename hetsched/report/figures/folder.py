"""The figures of a results folder, as files."""

import re
from collections.abc import Sequence
from pathlib import Path

from hetsched.domain.entry_points import needed_for
from hetsched.errors import InputError, NoResultError, nearest, path_of
from hetsched.report.page.page import page
from hetsched.report.page.several import studies_of
from hetsched.report.page.study import NOTHING_YET
from hetsched.studies.again import Study, study_in

FORMATS = ("pdf", "svg", "png")

COLUMN_IN, PAGE_IN = 3.33, 7.0
"""The width of a column of a paper, and of both."""

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
"""What a figure is called, which its files' names begin with, and what it shows."""

CALLED: dict[Study | None, str] = {
    "compare": "a comparison",
    "simulate": "a simulation",
    "run": "a run",
    "validate": "a validation",
    "plan": "a plan",
    "ablate": "an ablation",
    None: "a folder of runs",
}
"""What a study is called in a message."""


def figures(
    folder: Path | str,
    out: Path | str | None = None,
    *,
    width: float = COLUMN_IN,
    formats: Sequence[str] = ("pdf",),
    only: Sequence[str] = (),
    dpi: int = 300,
) -> list[Path]:
    """Draw the figures of a results folder into the folder `out`, by default `figures` in it, and return the files.

    `width` is in inches; `formats` are of pdf, svg and png, and `dpi` are the dots per inch of a PNG; `only` names the
    kinds of figures that are wanted. Files of these names are replaced. The same results give the same files. The
    figures of each study of a folder with several go into a folder of the study's name in `out`. Raises InputError for
    what is wrong in the input, if there is nothing to draw, and without matplotlib, the extra `figures`.
    """
    drawn = figures_by_study(folder, out, width=width, formats=formats, only=only, dpi=dpi)
    return [file for files in drawn.values() for file in files]


def figures_by_study(
    folder: Path | str, out: Path | str | None, *, width: float, formats: Sequence[str], only: Sequence[str], dpi: int
) -> dict[Path, list[Path]]:
    """The same, and return the files by the folder of the study that they show: none of a study with nothing to
    draw."""
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
    if not any(drawn.values()):
        if not studies and (why := page(folder).remarks.get(NOTHING_YET)):
            raise NoResultError("\n".join(why))
        none = f"none of the {len(studies)} studies in it has anything" if studies else _nothing(folder)
        raise InputError(f"{folder}: {none} to draw" + f" for {', '.join(only)}" * bool(only))
    return drawn


def _drawn(
    folder: Path, target: Path, width: float, formats: Sequence[str], only: Sequence[str], dpi: int
) -> list[Path]:
    """The files of one study."""
    from hetsched.report.figures.drawings import drawings_of
    from hetsched.report.figures.style import save

    files: list[Path] = []
    for drawing in drawings_of(page(folder), folder, width):
        if (not only or drawing.kind in only) and (figure := drawing.draw()) is not None:
            _make(target)
            files += save(figure, target / file_name(drawing.name), formats, dpi)
    return files


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
    """The name without what is special to a file system or a shell: names come from logs.

    >>> file_name("gantt-fusion+hrfs-seed-0"), file_name("gantt-../a b")
    ('gantt-fusion+hrfs-seed-0', 'gantt-.._a_b')
    """
    return re.sub(r"[^A-Za-z0-9+._-]", "_", name)[:120]
