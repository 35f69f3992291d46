"""Reads Alibaba's traces of GPU clusters (github.com/alibaba/clusterdata).

These are the task lists of gpu-v2023, called openb (Weng et al., ATC'23), and the jobs of
v2026-spot-gpu, called GFS (ASPLOS'26).
"""

from collections.abc import Iterator
from pathlib import Path

from hetsched.scenario.csv_rows import LARGEST, read_rows
from hetsched.scenario.traces.cluster_job import ClusterJob, ending_of
from hetsched.scenario.traces.log_row import ABSENT, LogRow
from hetsched.scenario.traces.times import Times

OPENB_NEEDED = ("name", "num_gpu", "gpu_milli", "creation_time", "deletion_time", "scheduled_time")
GFS_NEEDED = ("job_name", "gpu_request", "worker_num", "submit_time", "duration")

WHOLE_GPU = 1000


class OpenbRow(LogRow):
    """A task of openb. `gpu_milli` is its share of each of its GPUs in thousandths. `gpu_spec` has
    types between `|`."""

    name: str = ""
    num_gpu: int = 0
    gpu_milli: float = 0
    gpu_spec: str = ""
    pod_phase: str = "Succeeded"
    creation_time: str | None = None
    deletion_time: str | None = None
    scheduled_time: str | None = None

    @property
    def gpus(self) -> float:
        return self.num_gpu * (self.gpu_milli / WHOLE_GPU if 0 < self.gpu_milli < WHOLE_GPU else 1)


class GfsRow(LogRow):
    """A job of GFS: `worker_num` workers of `gpu_request` GPUs each."""

    job_name: str = ""
    gpu_model: str = ""
    gpu_request: float = 0
    worker_num: int = 1
    submit_time: str | None = None
    duration: str | None = None


def read_openb(path: Path) -> Iterator[ClusterJob]:
    """The tasks of openb. A task runs from its scheduling to its deletion.

    Raises InputError if the file is no such list.
    """
    for number, row in read_rows(path, OpenbRow, "list of openb tasks", OPENB_NEEDED, ABSENT, renamed="name"):
        line, times = f"{path}:{number}", Times()
        submitted_s = times.moment("creation_time", row.creation_time)
        started_s = times.moment("scheduled_time", row.scheduled_time)
        ended_s = times.moment("deletion_time", row.deletion_time)
        seconds = None if started_s is None or ended_s is None else ended_s - started_s
        types = tuple(word for word in row.gpu_spec.split("|") if word)
        ending = ending_of(row.pod_phase)
        yield ClusterJob(line, row.name, submitted_s, seconds, row.gpus, ending, types, unread=times.unread)


def read_gfs(path: Path) -> Iterator[ClusterJob]:
    """The jobs of GFS. Raises InputError if the file is no such list."""
    for number, row in read_rows(path, GfsRow, "list of GFS jobs", GFS_NEEDED, ABSENT, renamed="job_name"):
        line, times = f"{path}:{number}", Times()
        submitted_s, seconds = times.moment("submit_time", row.submit_time), times.duration("duration", row.duration)
        gpus = min(max(0.0, row.gpu_request) * max(0, row.worker_num), float(LARGEST))
        types = (row.gpu_model,) if row.gpu_model else ()
        yield ClusterJob(line, row.job_name, submitted_s, seconds, gpus, "completed", types, unread=times.unread)
