"""The formats of traces. The columns of a file decide its format."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

from hetsched.errors import InputError, closest, why_unreadable
from hetsched.scenario.csv_rows import NO_TEXT, of_first_line
from hetsched.scenario.traces import alibaba, helios, philly, swf
from hetsched.scenario.traces.cluster_job import ClusterJob
from hetsched.scenario.traces.jobs import JOB_COLUMNS

TraceFormat = Literal["hetsched", "philly", "helios", "acme", "swf", "openb", "gfs"]

Read = Callable[[Path], Iterator[ClusterJob]]

READERS: dict[TraceFormat, Read] = {
    "philly": philly.read_philly,
    "helios": helios.read_helios,
    "acme": helios.read_acme,
    "swf": swf.read_swf,
    "openb": alibaba.read_openb,
    "gfs": alibaba.read_gfs,
}
"""All formats except hetsched's own."""


class Columns(Struct, frozen=True):
    """The columns of a CSV format: those that a file must have (one of some alternatives), and
    those that it may have."""

    needed: tuple[tuple[str, ...], ...]
    others: frozenset[str]

    def missing(self, columns: set[str]) -> list[str]:
        return [" or ".join(names) for names in self.needed if columns.isdisjoint(names)]

    def known(self, columns: set[str]) -> int:
        """The number of the given columns that the format has."""
        return len(columns & (self.others | {name for names in self.needed for name in names}))


def _columns(needed: tuple[str, ...], others: str) -> Columns:
    return Columns(tuple((name,) for name in needed), frozenset(others.split()))


COLUMNS: dict[TraceFormat, Columns] = {
    "hetsched": Columns((("job_id",), ("iterations", "total_steps", "duration_s")), frozenset(JOB_COLUMNS)),
    "philly": _columns(philly.NEEDED, "vc user status"),
    "helios": _columns(helios.NEEDED, "user vc cpu_num node_num state start_time end_time queue"),
    "acme": _columns(
        helios.ACME_NEEDED,
        "user node_num cpu_num mem_per_pod_GB shared_mem_per_pod start_time end_time fail_time stop_time queue",
    ),
    "openb": _columns(alibaba.OPENB_NEEDED, "cpu_milli memory_mib gpu_spec qos pod_phase"),
    "gfs": _columns(alibaba.GFS_NEEDED, "organization gpu_model cpu_request job_type"),
}
"""The CSV formats. Philly's own log is JSON, and SWF has no names of columns."""


def format_of(path: Path) -> TraceFormat:
    """The format of a trace. If the file has all columns that several formats need, the format with
    most columns wins.

    Raises InputError if the file cannot be read or has no known format. The message names the
    nearest format, and the columns that the file lacks.
    """
    first = _first_line(path)
    if first.startswith("["):
        return "philly"
    if first.startswith(";") or swf.is_swf(first):
        return "swf"
    if first.startswith("{"):
        raise InputError(f"{path}: unknown format of trace: a trace in JSON is Philly's list of jobs, [{{...}}, ...]")
    if not first:
        raise InputError(f"{path}: the trace has no jobs: the file is empty; name another one")
    columns = {cell.strip().strip('"').strip() for cell in first.split(",")}
    if (hint := of_first_line(columns)) is not None:
        raise InputError(f"{path}: unknown format of trace: {hint}")
    known = {name: of_format.known(columns) for name, of_format in COLUMNS.items()}
    fitting = [name for name, of_format in COLUMNS.items() if not of_format.missing(columns)]
    if fitting:
        return max(fitting, key=known.__getitem__)
    near = max(
        COLUMNS, key=lambda name: (-len(COLUMNS[name].missing(columns)) / len(COLUMNS[name].needed), known[name])
    )
    raise InputError(f"{path}: unknown format of trace: {_nearest(near, columns)}")


def _nearest(name: TraceFormat, columns: set[str]) -> str:
    """A message with the columns that the file lacks for the format."""
    missing = COLUMNS[name].missing(columns)
    has = len(COLUMNS[name].needed) - len(missing)
    if not has and not COLUMNS[name].known(columns):
        formats = ", ".join(READERS)
        return (
            f"the first line names no column of hetsched, {formats}: it must have the columns' names, in small "
            "letters as in docs/traces"
        )
    hints, strange = [], {column for column in columns if not COLUMNS[name].known({column})}
    for wanted in missing:
        close = next((near for word in wanted.split(" or ") if (near := closest(word, strange))), None)
        hints.append(f"{wanted!r}" + (f" (is it {close!r}?)" if close else ""))
        strange.discard(close or "")
    lacks = (
        f"the nearest is {name}, and of its columns {', '.join(hints)} {'is' if len(missing) == 1 else 'are'} missing"
    )
    return f"{lacks} from the first line: rename columns; docs/traces has those of every format"


def _first_line(path: Path) -> str:
    """The first line of the file that is not blank. Raises InputError if the file cannot be
    read."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return next((line.strip() for line in file if line.strip()), "")
    except OSError as error:
        raise InputError(f"{path}: cannot read the trace: {why_unreadable(error)}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot read the trace: {NO_TEXT}") from error
    except ValueError as error:  # a name that no file can have
        raise InputError(f"{path}: cannot read the trace: {error}") from error
