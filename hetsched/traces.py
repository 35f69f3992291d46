"""When work arrives: traces of independent jobs, and random arrivals of experiments."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from hetsched.errors import InputError, nearest
from hetsched.profiles import StepTimes
from hetsched.streams import stream
from hetsched.tabular import read_rows
from hetsched.workload import Experiment, ExperimentId


class JobRow(BaseModel):
    """One independent training job. `num_gpus` is its gang; an empty batch size stands for 1 (a model that the profile
    does not know by batch size)."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    job_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    model: str
    dataset: str | None = None
    batch_size: int = Field(default=1, gt=0)
    num_gpus: int = Field(default=1, gt=0)
    total_steps: int = Field(gt=0, le=10**9)
    arrival_s: float = Field(default=0.0, ge=0, le=1e9)
    checkpoint_steps: int | None = Field(default=None, gt=0)


def read_jobs(path: Path, times: StepTimes) -> list[Experiment]:
    """The jobs of a trace: experiments of one trial each, without PBT and without evaluation.

    The file has a line a job and the columns of `JobRow`; of these `dataset`, `num_gpus`, `arrival_s` and
    `checkpoint_steps` may be left out. A job without a data set has the only one that `times` knows for its model.

    Raises InputError, naming file, line and column, for what is not such a trace.
    """
    datasets: defaultdict[str, set[str]] = defaultdict(set)
    for row in times.rows:
        datasets[row.model].add(row.dataset)
    jobs: dict[str, Experiment] = {}
    for line, job in read_rows(path, JobRow, "trace", ("job_id", "model", "total_steps")):
        if job.job_id in jobs:
            raise InputError(f"{path}:{line}: job_id: a second job {job.job_id!r}; ids must differ")
        jobs[job.job_id] = _experiment(job, f"{path}:{line}", datasets)
    if not jobs:
        raise InputError(f"{path}: the trace has no jobs")
    return list(jobs.values())


def _experiment(job: JobRow, here: str, datasets: dict[str, set[str]]) -> Experiment:
    known = datasets.get(job.model, set())
    if not known:
        raise InputError(f"{here}: model: the profile has no entry for {job.model!r}: {nearest(job.model, datasets)}")
    if job.dataset is None and len(known) > 1:
        raise InputError(f"{here}: the profile has {job.model} on {', '.join(sorted(known))}: say which in 'dataset'")
    return Experiment(
        ExperimentId(f"job{job.job_id}"),
        job.model,
        job.dataset or next(iter(known)),
        (job.batch_size,),
        population=1,
        stop_iterations=job.total_steps,
        stop_accuracy=None,
        pbt=None,
        search_space={},
        arrival_s=job.arrival_s,
        evaluation_images=0,
        gang=job.num_gpus,
        checkpoint_interval=job.checkpoint_steps,
    )


def arrive_at_random(experiments: Sequence[Experiment], mean_gap_s: float, seed: int) -> list[Experiment]:
    """The experiments in their order as a Poisson process: exponential gaps of this mean, the first one at 0."""
    gaps = stream(seed, "arrivals").exponential(mean_gap_s, max(0, len(experiments) - 1))
    arrivals = [0.0, *gaps.cumsum().tolist()]
    return [msgspec.structs.replace(e, arrival_s=at) for e, at in zip(experiments, arrivals, strict=True)]
