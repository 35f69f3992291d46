"""Reads the traces of Microsoft's Philly clusters: the job log in JSON, and CSV tables made from
it.

Source: Jeon et al., ATC'19; github.com/msr-fiddle/philly-traces.
"""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from hetsched.errors import InputError, why_unreadable
from hetsched.scenario.csv_rows import read_rows
from hetsched.scenario.json_text import decoded
from hetsched.scenario.traces.cluster_job import ClusterJob, ending_of
from hetsched.scenario.traces.log_row import ABSENT, LogRow
from hetsched.scenario.traces.times import Times

NEEDED = ("jobid", "submitted_time", "run_time", "num_gpus")


class PhillyRow(LogRow):
    """A line of a table made from Philly's job log. `run_time` is in seconds, and empty for a job
    that never ran."""

    jobid: str = ""
    submitted_time: str | None = None
    run_time: str | None = None
    num_gpus: float = 0
    status: str = "Pass"


class PhillyPlace(Struct):
    """The GPUs that an attempt held on one machine."""

    gpus: list[str] | None = None


class PhillyAttempt(Struct):
    start_time: str | None = None
    end_time: str | None = None
    detail: list[PhillyPlace] | None = None


class PhillyJob(Struct):
    """An entry of Philly's `cluster_job_log` (Jeon et al., ATC'19)."""

    jobid: str
    submitted_time: str | None = None
    status: str = "Pass"
    attempts: list[PhillyAttempt] | None = None


def read_philly(path: Path) -> Iterator[ClusterJob]:
    """The jobs of a log or of a table. Raises InputError, naming the place, if the file is
    neither."""
    try:
        text = path.read_bytes().removeprefix(BOM_UTF8)
    except OSError as error:
        raise InputError(f"{path}: cannot read the Philly trace: {why_unreadable(error)}") from error
    if text.lstrip().startswith(b"["):
        try:
            yield from _philly_jobs(path, decoded(text, list[PhillyJob]))
        except msgspec.DecodeError as error:
            raise InputError(f"{path}: not a Philly job log: {error}") from error
        return
    for number, row in read_rows(path, PhillyRow, "Philly trace", NEEDED, ABSENT, renamed="jobid"):
        line, times = f"{path}:{number}", Times()
        submitted_s = times.moment("submitted_time", row.submitted_time)
        seconds, ending = times.duration("run_time", row.run_time), ending_of(row.status)
        yield ClusterJob(line, row.jobid, submitted_s, seconds, row.num_gpus, ending, unread=times.unread)


def _philly_jobs(path: Path, jobs: Iterable[PhillyJob]) -> Iterator[ClusterJob]:
    """The jobs of the log. The rules are those of the notebook that comes with the trace.

    A job lasts from the start of its first attempt to the end of its last attempt. It has the GPUs
    of its first attempt. A job that has a start and no end was running.
    """
    for number, job in enumerate(jobs):
        line, times = f"{path}: job {number} ({job.jobid})", Times()
        attempts = job.attempts or [PhillyAttempt()]
        start, end = _there(attempts[0].start_time), _there(attempts[-1].end_time)
        submitted_s = times.moment("submitted_time", _there(job.submitted_time))
        start_s, end_s = times.moment("start_time", start), times.moment("end_time", end)
        seconds = None if start_s is None or end_s is None else end_s - start_s
        gpus = sum(len(place.gpus or ()) for place in attempts[0].detail or ())
        ending = "running" if start is not None and end is None else ending_of(job.status)
        yield ClusterJob(line, job.jobid, submitted_s, seconds, gpus, ending, unread=times.unread)


def _there(time: str | None) -> str | None:
    return None if time is None or time.strip() in ABSENT else time
