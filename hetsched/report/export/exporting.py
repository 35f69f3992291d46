"""`hetsched export`: what was run, for other programs."""

from collections.abc import Callable
from pathlib import Path

from hetsched.errors import InputError, nearest, path_of
from hetsched.report.export.chrome_trace import write_trace
from hetsched.report.export.tables import export_tables
from hetsched.studies.results import begun_logs
from hetsched.studies.ro_crate import write_ro_crate

EXPORT = "export"
"""The folder in a results folder where exports go, unless another one is named."""

FORMATS = {
    "chrome-trace": "a trace per run, for Perfetto and chrome://tracing",
    "parquet": "tables of all runs, as Parquet",
    "csv": "tables of all runs, as CSV",
    "ro-crate": "a description of the folder, for archives: ro-crate-metadata.json in it",
}


def export(folder: Path | str, to: str, out: Path | str | None = None) -> list[Path]:
    """Write what was run in a results folder for other programs, and return the files. docs/results.md describes them.

    Files go to `out`, which must be new or empty, by default to the folder `export` in the results folder, where those
    of an earlier export are replaced. An RO-Crate describes the results folder and is in it, wherever `out` is. Runs
    that are not finished are exported as far as they came.

    Raises InputError for a format that there is not, for a folder without logs, and naming file and line for a log that
    is damaged.
    """
    if to not in FORMATS:
        raise InputError(f"to: no format {to!r}: {nearest(str(to), FORMATS)}")
    folder = path_of(folder, "folder")
    logs = begun_logs(folder)
    home = folder / EXPORT if out is None else path_of(out, "out")
    if home.exists() and not home.is_dir():
        raise InputError(f"out: {home}: is a file; name a folder")
    if out is not None and to != "ro-crate" and home.is_dir() and any(home.iterdir()):
        raise InputError(f"out: {home}: is not empty, and files are never overwritten; name a new folder")
    return _EXPORTS.get(to, export_tables)(folder, logs, home, to)


def _export_traces(folder: Path, logs: list[Path], out: Path, to: str) -> list[Path]:
    """A trace per log, in folders as the logs are."""
    return [write_trace(log, out / log.relative_to(folder).with_name("trace.json")) for log in logs]


def _export_crate(folder: Path, logs: list[Path], out: Path, to: str) -> list[Path]:
    return [write_ro_crate(folder)]


_EXPORTS: dict[str, Callable[[Path, list[Path], Path, str], list[Path]]] = {
    "chrome-trace": _export_traces,
    "ro-crate": _export_crate,
}
