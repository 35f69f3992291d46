"""Reads the traces of SenseTime's Helios and of Acme.

Helios: Hu et al., SC'21; github.com/S-Lab-System-Group/HeliosData. Acme has the clusters Seren and
Kalos of Shanghai AI Lab (Hu et al., NSDI'24; github.com/InternLM/AcmeTrace). Its trace has Helios'
columns and more.
"""

from collections.abc import Iterator
from pathlib import Path

from hetsched.scenario.csv_rows import read_rows
from hetsched.scenario.traces.cluster_job import ClusterJob, ending_of
from hetsched.scenario.traces.log_row import ABSENT, LogRow
from hetsched.scenario.traces.times import Times, span_s

NEEDED = ("job_id", "gpu_num", "submit_time", "duration")
ACME_NEEDED = (*NEEDED, "type", "state", "gpu_time")


class HeliosRow(LogRow):
    """A line of Helios' `cluster_log.csv`, or of Acme's `trace_seren.csv` and `trace_kalos.csv`.

    `gpu_num` counts all GPUs of the job. `duration` is in seconds.
    """

    job_id: str = ""
    gpu_num: float = 0
    state: str = "COMPLETED"
    submit_time: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    duration: str | None = None


def read_helios(path: Path) -> Iterator[ClusterJob]:
    """The jobs of Helios. Raises InputError, naming file, line and column, if the file is no such
    log."""
    return _read(path, "Helios trace", NEEDED)


def read_acme(path: Path) -> Iterator[ClusterJob]:
    """The jobs of Acme. Raises InputError, naming file, line and column, if the file is no such
    log."""
    return _read(path, "Acme trace", ACME_NEEDED)


def _read(path: Path, what: str, needed: tuple[str, ...]) -> Iterator[ClusterJob]:
    for number, row in read_rows(path, HeliosRow, what, needed, ABSENT, renamed="job_id"):
        line, times = f"{path}:{number}", Times()
        submitted_s, seconds = times.moment("submit_time", row.submit_time), times.duration("duration", row.duration)
        yield ClusterJob(
            line,
            row.job_id,
            submitted_s,
            seconds,
            row.gpu_num,
            ending_of(row.state),
            span_s=span_s(row.start_time, row.end_time),
            unread=times.unread,
        )
