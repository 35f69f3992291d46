"""Reads the Standard Workload Format of the Parallel Workloads Archive
(cs.huji.ac.il/labs/parallel/workload).

A line has 18 numbers between blanks. -1 is an unknown value. Comments begin with a semicolon.
"""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from hetsched.errors import InputError, why_unreadable
from hetsched.scenario.traces.cluster_job import ClusterJob, Ending
from hetsched.scenario.traces.times import Times

COLUMNS = 18
JOB, SUBMITTED, RUN_TIME, ALLOCATED, REQUESTED, STATUS = 0, 1, 3, 4, 7, 10
"""The positions of the columns that are used, from 0."""

UNKNOWN = -1.0
COMPLETED = 1
PARTIAL = (2, 3, 4)
"""The status of a part of a job that was swapped out. The whole job has a line of its own."""


def read_swf(path: Path) -> Iterator[ClusterJob]:
    """The jobs of the file. Their allocated processors count as GPUs. If these are unknown, the
    requested ones count.

    Raises InputError, naming file and line, if a line does not have 18 numbers, and if the file
    cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:  # comments may be in any encoding
            for number, text in enumerate(file, start=1):
                if (stripped := text.strip()) and not stripped.startswith(";"):
                    yield _job(f"{path}:{number}", stripped)
    except OSError as error:
        raise InputError(f"{path}: cannot read the SWF trace: {why_unreadable(error)}") from error


def is_swf(text: str) -> bool:
    """Whether the text is a line of an SWF trace.

    >>> is_swf("1 0 nan 6e2" + 14 * " -1"), is_swf("1 0 5")
    (True, False)
    """
    try:
        return len([float(cell) for cell in text.split()]) == COLUMNS
    except ValueError:
        return False


def _job(line: str, text: str) -> ClusterJob:
    try:
        cells = [number if isfinite(number := float(cell)) else UNKNOWN for cell in text.split()]
    except ValueError:
        raise InputError(f"{line}: not a line of an SWF trace: expected {COLUMNS} numbers, got {text[:60]!r}") from None
    if len(cells) != COLUMNS:
        raise InputError(f"{line}: not a line of an SWF trace: expected {COLUMNS} numbers, got {len(cells)}")
    status = int(cells[STATUS])
    ending: Ending = "completed" if status == COMPLETED else "part" if status in PARTIAL else "other"
    gpus = next((cells[place] for place in (ALLOCATED, REQUESTED) if cells[place] > 0), 0.0)
    times = Times()
    submitted_s = times.moment("submit time", repr(cells[SUBMITTED])) if cells[SUBMITTED] >= 0 else None
    name = f"{cells[JOB]:.15g}" if cells[JOB] != UNKNOWN else ""
    return ClusterJob(line, name, submitted_s, cells[RUN_TIME], gpus, ending, unread=times.unread)
