"""A results folder as one HTML file, which opens without a network."""

import os
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path

from hetsched.errors import InputError, path_of
from hetsched.report.page.document import Fact, Page
from hetsched.report.page.encoding import document
from hetsched.report.page.run import page_run
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.studies.results import LoadedResults, load_results, scenario_of

REPORT_NAME = "report.html"

SCRIPTS = (
    "kit.js",
    "figure.js",
    "timeline.js",
    "gantt_signs.js",
    "gantt_words.js",
    "gantt.js",
    "charts.js",
    "tree.js",
    "comparison.js",
    "validation.js",
    "main.js",
)
"""In the order in which the browser runs them, as far as they are there. `main.js` draws what the others register."""


def page(folder: Path | str) -> Page:
    """What the folder tells, finished or not. Raises InputError, naming the file, for a folder that cannot be read."""
    results = load_results(folder)
    shown = [runs[0] for runs in results.by_strategy.values()]
    runs = [page_run(load_setup_of_logs(scenario_of(run.log.parent)), run) for run in shown]
    return Page(
        title=results.folder.resolve().name,
        kind="run" if len(runs) == 1 else "several",
        complete=all(run.ended is not None for run in runs),
        facts=_facts(results),
        remarks={"Warnings": [f"{name}: {text}" for name, text in results.warnings.items()]},
        runs=runs,
    )


def _facts(results: LoadedResults) -> list[Fact]:
    return [Fact("log", str(run.log.relative_to(results.folder))) for run in results.runs]


def html(page: Page, *, scripts: Sequence[str] = (), connect: bool = False) -> str:
    """The file. `scripts` are further ones, run last; with `connect` they may ask the server that the file is from."""
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
    parts = text.split("@@")  # what is filled in is not looked at again
    return "".join(filled[part] if position % 2 else part for position, part in enumerate(parts))


def write_report(folder: Path | str, out: Path | str | None = None) -> Path:
    """Write the report of a results folder, `report.html` in it unless `out` names another file, and return its path.

    An earlier report is replaced. Raises InputError for a folder that cannot be read, and if the file cannot be
    written.
    """
    folder = path_of(folder, "folder")
    target = folder / REPORT_NAME if out is None else path_of(out, "out")
    text = html(page(folder))
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{target}: cannot be written: {error.strerror}") from error
    return target


def _source(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'"
