"""Traces: files of jobs and experiments with their times of arrival."""

import csv
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from hetsched.domain.hyperparameters import Domain
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import NAME
from hetsched.domain.workload import PBT, Experiment, ExperimentId
from hetsched.errors import InputError, nearest
from hetsched.scenario.csv_rows import read_rows
from hetsched.scenario.tables import Fraction

MOST_ITERATIONS = 10**9
EVALUATION_IMAGES = 10_000
"""How many images are evaluated, by default, where a job's score matters: those of CIFAR's test sets."""


class JobRow(BaseModel):
    """A job, or with a `population` above 1 an experiment under PBT. `iterations` are a trial's, `num_gpus` its gang;
    an empty batch size stands for 1 (a model that the profile does not know by batch size)."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    job_id: str = Field(pattern=NAME)
    model: str
    dataset: str | None = None
    batch_size: int = Field(default=1, gt=0)
    num_gpus: int = Field(default=1, gt=0)
    iterations: int = Field(gt=0, le=MOST_ITERATIONS, validation_alias=AliasChoices("iterations", "total_steps"))
    arrival_s: float = Field(default=0.0, ge=0, le=1e9)
    checkpoint_steps: int | None = Field(default=None, gt=0)
    population: int = Field(default=1, gt=0, le=10**6)
    stop_score: Fraction | None = Field(default=None, validation_alias=AliasChoices("stop_score", "stop_accuracy"))
    perturbation_interval: int | None = Field(default=None, gt=0)
    evaluation_images: int | None = Field(default=None, ge=0, le=10**9)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.population == 1 and self.perturbation_interval is not None:
            raise ValueError("perturbation_interval is for a population above 1")
        if self.population > 1 and self.checkpoint_steps is not None:
            raise ValueError("checkpoint_steps is for a population of 1; PBT has its perturbation_interval")
        if self.stop_score is not None and self.evaluation_images == 0:
            raise ValueError("stop_score needs evaluation_images above 0")
        return self

    @property
    def evaluated(self) -> int:
        """How many images are evaluated at the end of a segment; 0 if nobody asks for the score."""
        if self.evaluation_images is not None:
            return self.evaluation_images
        return EVALUATION_IMAGES if self.population > 1 or self.stop_score is not None else 0


def read_jobs(path: Path, times: StepTimes, search_space: Mapping[str, Domain]) -> list[Experiment]:
    """The jobs and experiments of a trace.

    The file has a line each and the columns of `JobRow`; all may be left out but `job_id`, `model` and `iterations` (or
    `total_steps`, which is the same). A job without a data set has the only one that `times` knows for its model. What
    is evaluated has hyperparameters from `search_space`.

    Raises InputError, naming file, line and column, for what is not such a trace.
    """
    datasets = datasets_by_model(times)
    jobs: dict[str, Experiment] = {}
    for line, job in read_rows(path, JobRow, "trace", ("job_id", "model")):
        here = f"{path}:{line}"
        if job.job_id in jobs:
            raise InputError(f"{here}: job_id: a second job {job.job_id!r}; ids must differ")
        jobs[job.job_id] = Experiment(
            id=ExperimentId(f"job{job.job_id}"),
            model=job.model,
            dataset=dataset_of(job.model, job.dataset, datasets, here),
            batch_sizes=(job.batch_size,),
            population=job.population,
            stop_iterations=job.iterations,
            stop_score=job.stop_score,
            pbt=_pbt(job),
            search_space=dict(search_space) if job.evaluated else {},
            arrival_s=job.arrival_s,
            evaluation_images=job.evaluated,
            gang=job.num_gpus,
            checkpoint_interval=job.checkpoint_steps,
        )
    if not jobs:
        raise InputError(f"{path}: the trace has no jobs")
    return list(jobs.values())


def _pbt(job: JobRow) -> PBT | None:
    if job.population == 1:
        return None
    return PBT() if job.perturbation_interval is None else PBT(job.perturbation_interval)


def write_jobs(path: Path, jobs: Iterable[Experiment]) -> None:
    """Write independent jobs that are not evaluated as a trace that `read_jobs` reads."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["job_id", "model", "dataset", "batch_size", "num_gpus", "iterations", "arrival_s"])
        for job in jobs:
            number, batch_size = job.id.removeprefix("job"), job.batch_sizes[0]
            writer.writerow(
                [number, job.model, job.dataset, batch_size, job.gang, job.stop_iterations, repr(job.arrival_s)]
            )


def datasets_by_model(times: StepTimes) -> dict[str, set[str]]:
    """The data sets on which each model is profiled."""
    datasets: defaultdict[str, set[str]] = defaultdict(set)
    for row in times.rows:
        datasets[row.model].add(row.dataset)
    return dict(datasets)


def dataset_of(model: str, dataset: str | None, datasets: Mapping[str, Collection[str]], here: str) -> str:
    """The data set of a job that is found `here`: what it says, or the only one on which the model is profiled."""
    known = datasets.get(model, ())
    if not known:
        raise InputError(f"{here}: model: the profile has no entry for {model!r}: {nearest(model, datasets)}")
    if dataset is None and len(known) > 1:
        raise InputError(f"{here}: the profile has {model} on {', '.join(sorted(known))}: say which in 'dataset'")
    return dataset or next(iter(known))
