"""Traces of shared GPU clusters, Philly's and Helios', as jobs that train known models.

Such traces say when a job was submitted, how long it ran and on how many GPUs, and not what it trained. As in the
papers that replay them, models are dealt to the jobs: at random, or by GPU time as in Pollux (Qiao et al., OSDI'21) and
Sia (Jayaram Subramanya et al., SOSP'23): small below 1 GPU-hour, medium below 10, large below 100, else xlarge. A
duration becomes iterations by the model's step time on a reference device.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from hetsched.domain.cluster import DeviceType, WorkerType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import StepTimes
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import NAME
from hetsched.domain.workload import Experiment, ExperimentId, TrialKind
from hetsched.errors import InputError, ordinal
from hetsched.scenario.csv_rows import read_rows
from hetsched.scenario.job_traces import MOST_ITERATIONS, dataset_of, datasets_by_model

TraceFormat = Literal["hetsched", "philly", "helios"]
Category = Literal["small", "medium", "large", "xlarge"]

GPU_HOURS: dict[Category, float] = {"small": 1.0, "medium": 10.0, "large": 100.0, "xlarge": float("inf")}
"""Below how many GPU-hours a job is of the category."""


class ClusterJob(Struct, frozen=True):
    """A job of a cluster: it was submitted at a time in seconds (since when does not matter) and held so many GPUs for
    so many seconds. `line` is where it is in the trace."""

    line: str
    id: str
    submitted_s: float
    seconds: float
    gpus: int
    completed: bool

    @property
    def category(self) -> Category:
        hours = self.gpus * self.seconds / 3600
        return next(category for category, below in GPU_HOURS.items() if hours < below)


class DealtModel(Struct, frozen=True):
    """A model that is dealt to jobs of its category (None: to any)."""

    model: str
    dataset: str | None
    batch_size: int
    category: Category | None


class Dealing(Struct, frozen=True):
    """What a cluster's trace does not say.

    Its durations are taken to be those on `device`. Without `gangs` every job takes one GPU, for as many GPU-seconds.
    `window_s` keeps the jobs of a part of the trace, in seconds since its first job.
    """

    models: tuple[DealtModel, ...]
    device: DeviceType
    seed: int = 0
    jobs: Literal["all", "completed"] = "all"
    gangs: bool = True
    window_s: tuple[float, float] | None = None


def format_of(path: Path) -> TraceFormat:
    """The format of a trace, by its first line. Raises InputError if it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline().strip()
    except OSError as error:
        raise InputError(f"{path}: cannot read the trace: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: cannot read the trace: {error}") from error
    columns = set(first.split(","))
    if first.startswith("[") or {"jobid", "submitted_time"} & columns:
        return "philly"
    return "helios" if {"submit_time", "gpu_num"} & columns else "hetsched"


def read_cluster_trace(
    path: Path, trace_format: Literal["philly", "helios"], dealing: Dealing, times: StepTimes
) -> list[Experiment]:
    """The jobs of a cluster's trace that ran on GPUs, in the order of their arrival in seconds since the first of them.

    Raises InputError, naming file and line, for what is not such a trace, and for a job to which no model fits.
    """
    read = _read_helios if trace_format == "helios" else _read_philly
    everything = list(read(path))
    wanted = [job for job in everything if job.completed or dealing.jobs == "all"]
    jobs = _in_window(sorted(wanted, key=lambda job: job.submitted_s), dealing.window_s)
    if not jobs:
        raise InputError(
            f"{path}: of {len(everything)} jobs that ran on GPUs, none is left: {len(wanted)} are of the kind "
            f"{dealing.jobs!r}, and window_s is {dealing.window_s}"
        )
    kinds = _kinds(dealing, times)
    experiments: dict[str, Experiment] = {}
    for job in jobs:
        if not re.fullmatch(NAME, job.id):
            raise InputError(f"{job.line}: {job.id!r} is no name for a job: use letters, digits, and . _ - after one")
        if job.id in experiments:
            raise InputError(f"{job.line}: a second job {job.id!r}; ids must differ")
        experiments[job.id] = _deal(job, job.submitted_s - jobs[0].submitted_s, dealing, kinds, times)
    return list(experiments.values())


def _in_window(jobs: list[ClusterJob], window_s: tuple[float, float] | None) -> list[ClusterJob]:
    if window_s is None:
        return jobs
    return [job for job in jobs if window_s[0] <= job.submitted_s - jobs[0].submitted_s < window_s[1]]


def _kinds(dealing: Dealing, times: StepTimes) -> dict[Category, list[TrialKind]]:
    """What is dealt to the jobs of each category."""
    datasets = datasets_by_model(times)
    kinds: dict[Category, list[TrialKind]] = {category: [] for category in GPU_HOURS}
    for number, model in enumerate(dealing.models, start=1):
        place = f"workload.trace_models.models (the {ordinal(number)} of them)"
        dataset = dataset_of(model.model, model.dataset, datasets, place)
        for category in GPU_HOURS if model.category is None else (model.category,):
            kinds[category].append(TrialKind(model.model, dataset, model.batch_size))
    return kinds


def _deal(
    job: ClusterJob, arrival_s: float, dealing: Dealing, kinds: dict[Category, list[TrialKind]], times: StepTimes
) -> Experiment:
    fitting = kinds[job.category]
    if not fitting:
        raise InputError(f"{job.line}: no model in workload.trace_models is for jobs of the category {job.category!r}")
    kind = fitting[stream(dealing.seed, "trace-models", job.id).integers(len(fitting))]
    gang, seconds = (job.gpus, job.seconds) if dealing.gangs else (1, job.seconds * job.gpus)
    worker = WorkerType(dealing.device, 0, float(gang))
    step_s = times.seconds_per_iteration(kind, worker)
    if step_s is None:
        hint = " (or set gangs = false)" if gang > 1 else ""
        raise InputError(
            f"{job.line}: the profile has no step time of {kind} on {gang} x {dealing.device}, by which the job's "
            f"{seconds:g} s become iterations: choose another device or model for workload.trace_models{hint}: "
            f"{why_missing(times, kind, worker)}"
        )
    iterations = max(1, round(seconds / step_s))
    if iterations > MOST_ITERATIONS:
        raise InputError(f"{job.line}: {seconds:g} s of {kind} make {iterations} iterations, over {MOST_ITERATIONS}")
    return Experiment(
        id=ExperimentId(f"job{job.id}"),
        model=kind.model,
        dataset=kind.dataset,
        batch_sizes=(kind.batch_size,),
        population=1,
        stop_iterations=iterations,
        stop_score=None,
        pbt=None,
        search_space={},
        arrival_s=arrival_s,
        evaluation_images=0,
        gang=gang,
    )


class HeliosRow(BaseModel):
    """A line of Helios' `cluster_log.csv`; columns that are not used are left out (Hu et al., SC'21)."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    job_id: str
    gpu_num: int = Field(default=0, ge=0)
    submit_time: str
    duration: float | None = Field(default=None, ge=0)
    state: str = "COMPLETED"


def _read_helios(path: Path) -> Iterator[ClusterJob]:
    for number, row in read_rows(path, HeliosRow, "Helios trace", ("job_id", "gpu_num", "submit_time", "duration")):
        line = f"{path}:{number}"
        if row.gpu_num and row.duration:
            submitted_s = _seconds(row.submit_time, f"{line}: submit_time")
            yield ClusterJob(line, row.job_id, submitted_s, row.duration, row.gpu_num, row.state == "COMPLETED")


class PhillyRow(BaseModel):
    """A line of a table that is made of Philly's job log: `run_time` in seconds, empty for a job that never ran."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    jobid: str
    submitted_time: str
    run_time: float | None = Field(default=None, ge=0)
    num_gpus: int = Field(default=0, ge=0)
    status: str = "Pass"


class PhillyPlace(Struct):
    """The GPUs that an attempt held on one machine."""

    gpus: list[str] = []


class PhillyAttempt(Struct):
    start_time: str | None = None
    end_time: str | None = None
    detail: list[PhillyPlace] = []


class PhillyJob(Struct):
    """An entry of Philly's `cluster_job_log` (Jeon et al., ATC'19)."""

    jobid: str
    submitted_time: str | None
    status: str = "Pass"
    attempts: list[PhillyAttempt] = []


def _read_philly(path: Path) -> Iterator[ClusterJob]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the Philly trace: {error.strerror}") from error
    if text.lstrip().startswith(b"["):
        try:
            yield from _philly_jobs(path, msgspec.json.decode(text, type=list[PhillyJob]))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not a Philly job log: {error}") from error
        return
    columns = ("jobid", "submitted_time", "run_time", "num_gpus")
    for number, row in read_rows(path, PhillyRow, "Philly trace", columns):
        line = f"{path}:{number}"
        if row.num_gpus and row.run_time:
            submitted_s = _seconds(row.submitted_time, f"{line}: submitted_time")
            yield ClusterJob(line, row.jobid, submitted_s, row.run_time, row.num_gpus, row.status == "Pass")


def _philly_jobs(path: Path, jobs: Iterable[PhillyJob]) -> Iterator[ClusterJob]:
    """As the notebook that comes with the trace has it: from the start of the first attempt to the end of the last, on
    the GPUs of the first."""
    for number, job in enumerate(jobs):
        line = f"{path}: job {number} ({job.jobid})"
        if not job.attempts or _missing(job.submitted_time):
            continue
        start, end = job.attempts[0].start_time, job.attempts[-1].end_time
        if _missing(start) or _missing(end):
            continue
        assert job.submitted_time is not None and start is not None and end is not None
        seconds = _seconds(end, f"{line}: end_time") - _seconds(start, f"{line}: start_time")
        gpus = sum(len(place.gpus) for place in job.attempts[0].detail)
        if gpus and seconds > 0:
            submitted_s = _seconds(job.submitted_time, f"{line}: submitted_time")
            yield ClusterJob(line, job.jobid, submitted_s, seconds, gpus, job.status == "Pass")


def _missing(time: str | None) -> bool:
    return time in (None, "", "None")


def _seconds(time: str, here: str) -> float:
    """A time in seconds: a number as it is, a date in UTC unless it says otherwise."""
    try:
        seconds = float(time)
    except ValueError:
        try:
            date = datetime.fromisoformat(time)
        except ValueError:
            message = f"{here}: {time!r} is neither seconds nor a date such as 2017-10-07 01:11:39"
            raise InputError(message) from None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if not isfinite(seconds):
        raise InputError(f"{here}: {time!r} is not a time")
    return seconds
