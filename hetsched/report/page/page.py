"""A results folder as one HTML file, which opens without a network."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from os.path import relpath
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from hetsched.errors import InputError, path_of
from hetsched.report.page.document import Page
from hetsched.report.page.encoding import document
from hetsched.report.page.several import studies_of
from hetsched.report.page.study import page_of
from hetsched.report.printable import all_printable
from hetsched.scenario.whole_file import write_whole
from hetsched.studies.folder import REPORT_NAME

SCRIPTS = (
    "kit.js",
    "figure.js",
    "timeline.js",
    "gantt_signs.js",
    "gantt_words.js",
    "gantt.js",
    "plots.js",
    "chart_data.js",
    "charts.js",
    "metric_charts.js",
    "hyperparameter_charts.js",
    "tree.js",
    "tables.js",
    "dots.js",
    "curves.js",
    "comparison.js",
    "validation.js",
    "suite.js",
    "suite_profiles.js",
    "main.js",
)
"""The scripts in the order in which the browser runs them. `main.js` draws what the other scripts
register.

A script whose file is missing is left out.
"""


GENERATOR = b'content="hetsched report">'
"""The end of the line of `page.html` that names the program that made the page."""


def page(folder: Path | str) -> Page:
    """The page of a results folder, with all text made printable. The study may be unfinished.

    Raises InputError, naming the file, if the folder cannot be read.
    """
    return cast(Page, all_printable(page_of(folder)))


def html(page: Page, *, scripts: Sequence[str] = (), connect: bool = False) -> str:
    """The page as the text of an HTML file.

    `scripts` run after the page's own scripts. With `connect` they may send requests to the server
    of the page.
    """
    style = _source("style.css")
    there = [_source(name) for name in SCRIPTS if (files(__package__) / name).is_file()]
    blocks = [f"\n{source}" for source in (*there, *scripts)]
    policy = [
        "default-src 'none'",
        "img-src data:",
        f"style-src {_hash(style)}",
        f"script-src {' '.join(map(_hash, blocks))}",
        *(["connect-src 'self'"] if connect else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    filled = {
        "TITLE": escape(f"{page.title}: hetsched"),
        "POLICY": escape("; ".join(policy), quote=False),
        "STYLE": style,
        "DOCUMENT": document(page).decode().replace("<", "\\u003c"),
        "SCRIPTS": "\n".join(f"<script>{block}</script>" for block in blocks),
    }
    text = _source("page.html")
    parts = text.split("@@")  # marks in the text that is filled in stay as they are
    return "".join(filled[part] if position % 2 else part for position, part in enumerate(parts))


def write_report(folder: Path | str, out: Path | str | None = None) -> Path:
    """Write the report of a results folder, and return its path.

    The report is `report.html` in the folder, unless `out` names another file. In a folder with
    several studies each study also gets a report in its own folder, and the report of the whole
    folder has links to these. An earlier report is replaced.

    Raises InputError if the folder cannot be read, if a file cannot be written, and if `out` is a
    file that is no report.
    """
    return write_reports(folder, out)[0]


def write_reports(folder: Path | str, out: Path | str | None = None) -> list[Path]:
    """Write the same files as `write_report`, and return the folder's report, followed by each
    study's report.

    Raises InputError as `write_report` does.
    """
    folder = path_of(folder, "folder")
    _check_replaced(out)
    of_studies = [_written(study, None) for study in studies_of(folder)]
    return [_written(folder, out), *of_studies]


def _check_replaced(out: Path | str | None) -> None:
    """Raise InputError if `out` is a file that is no report."""
    if out is not None and (target := path_of(out, "out")).exists() and not _is_report(target):
        raise InputError(f"{target}: is there already, and is no report; name a new file")


def _written(folder: Path, out: Path | str | None) -> Path:
    target = folder / REPORT_NAME if out is None else path_of(out, "out")
    text = html(linked_from(page(folder), folder, target.parent))
    try:
        write_whole(target, text.encode())
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from error
    return target


def _is_report(path: Path) -> bool:
    """Whether the file begins like `page.html`, up to the line that names the program."""
    text = _source("page.html").encode()
    head = text[: text.index(GENERATOR) + len(GENERATOR)]
    try:
        with path.open("rb") as file:
            return file.read(len(head)) == head
    except OSError:  # a folder, or a file that must not be read
        return False


def linked_from(page: Page, folder: Path, home: Path) -> Page:
    """The page of the folder with its links changed so that they lead from the folder `home` to the
    same files."""
    way = relpath(folder, home)
    moved = [fact if fact.link is None else replace(fact, link=f"{way}/{fact.link}") for fact in page.facts]
    return page if way == "." else replace(page, facts=moved)


def _source(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'"
