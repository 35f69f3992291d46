"""Exports the runs of a results folder for other programs, as `hetsched export` does."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from hetsched.errors import HetschedError, InputError, nearest, path_of
from hetsched.report.export.chrome_trace import fill_trace
from hetsched.report.export.files import written_whole
from hetsched.report.export.tables import export_tables
from hetsched.studies.caveats import Caveats
from hetsched.studies.caveats_anew import NOT_KNOWN
from hetsched.studies.folder_caveats import by_study, caveats_by_study, caveats_of_study, summary_of, together
from hetsched.studies.named_folder import (
    has_begun,
    is_finished,
    logs_below,
    results_folder,
    results_logs,
    without_probes,
)
from hetsched.studies.ro_crate import write_ro_crate

logger = logging.getLogger(__name__)

EXPORT = "export"
"""The default folder for exports, in a results folder."""

FORMATS = {
    "chrome-trace": "a trace per run, for Perfetto and chrome://tracing",
    "parquet": "tables of all runs, as Parquet",
    "csv": "tables of all runs, as CSV",
    "ro-crate": "a description of the folder, for archives: ro-crate-metadata.json in it",
}


class Exported(NamedTuple):
    """The files of an export, and the assumptions and warnings of what is in them."""

    files: list[Path]
    caveats: Caveats


class _Runs(NamedTuple):
    """The logs of a results folder, and the assumptions and warnings by the folder of their
    study."""

    folder: Path
    logs: list[Path]
    said: dict[Path, Caveats]

    @property
    def caveats(self) -> Caveats:
        return together(self.folder, self.said)


def export(folder: Path | str, to: str, out: Path | str | None = None) -> list[Path]:
    """Write the runs of a results folder for other programs. Returns the files, which
    docs/results.md describes.

    Files go to `out`, which must be new or empty. By default they go to the folder `export` in the
    results folder, where they replace the files of an earlier export. An RO-Crate is in the results
    folder that it describes, and takes no `out`. An unfinished run is exported as far as it came. A
    run that has not begun is left out. In both cases a warning (`logging`) names the run.

    Raises InputError for an unknown format, for an `out` that cannot be, for a folder without logs,
    and for a file that cannot be read. For a damaged log the message names file and line. Raises
    NoResultError if no run has begun.
    """
    return exported(folder, to, out).files


def exported(folder: Path | str, to: str, out: Path | str | None) -> Exported:
    """Write the same files as `export`. Raises errors as `export` does."""
    if to not in FORMATS:
        raise InputError(f"to: no format {to!r}: {nearest(str(to), FORMATS)}")
    if to == "ro-crate" and out is not None:
        raise InputError("out: a ro-crate is in the folder that it describes; leave out --out")
    folder = results_folder(folder)
    describes_files = to == "ro-crate" and logs_below(folder)  # damaged logs, too
    logs = [] if describes_files else results_logs(folder)
    home = folder / EXPORT if out is None else path_of(out, "out")
    if home.exists() and not home.is_dir():
        raise InputError(f"out: {home}: is a file; name a folder")
    if out is not None and home.is_dir() and any(path.is_file() for path in home.rglob("*")):
        raise InputError(f"out: {home}: is not empty, and files are never overwritten; name a new folder")
    for log in logs:
        if not is_finished(log):
            logger.warning("%s: this run is not finished: it is exported as far as it came", log)
    runs = _Runs(folder, logs, _beside_files(folder) if describes_files else caveats_by_study(folder, logs))
    return Exported(_EXPORTS.get(to, _export_tables)(runs, home, to), runs.caveats)


def _beside_files(folder: Path) -> dict[Path, Caveats]:
    """What is said beside the figures in the folder, where its files are described as they are. What
    is not known, because a log is damaged, is said."""
    summary_of(folder)  # raises if it is damaged
    by_folder = by_study(folder, without_probes(folder, logs_below(folder)))
    return {study: _beside_files_of(study, logs) for study, logs in by_folder.items()}


def _beside_files_of(study: Path, logs: Sequence[Path]) -> Caveats:
    """What its files say, or else what its summary says, and why no more is known."""
    try:
        return caveats_of_study(study, [log for log in logs if has_begun(log)])
    except HetschedError as error:
        why = error
    try:
        written = Caveats.of(summary_of(study))
    except InputError as error:
        written, why = Caveats(), error
    return written._replace(assumptions=[*written.assumptions, f"{NOT_KNOWN}: {why}"])


def _export_tables(runs: _Runs, out: Path, to: str) -> list[Path]:
    return export_tables(runs.folder, runs.logs, out, to, runs.caveats)


def _export_traces(runs: _Runs, out: Path, to: str) -> list[Path]:
    """Write one trace per log, or none if a log is damaged. A trace has its log's path within the
    results folder, below `out`."""
    said = {log: runs.said[study] for study, logs in by_study(runs.folder, runs.logs).items() for log in logs}
    paths = [out / log.relative_to(runs.folder).with_name("trace.json") for log in runs.logs]
    with ExitStack() as stack:
        parts = [stack.enter_context(written_whole(path)) for path in paths]
        for log, part in zip(runs.logs, parts, strict=True):
            fill_trace(log, part, said[log])
    return paths


def _export_crate(runs: _Runs, out: Path, to: str) -> list[Path]:
    return [write_ro_crate(runs.folder, runs.caveats)]


_EXPORTS: dict[str, Callable[[_Runs, Path, str], list[Path]]] = {
    "chrome-trace": _export_traces,
    "ro-crate": _export_crate,
}
