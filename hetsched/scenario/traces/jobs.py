"""Hetsched's own format of traces: one line per job or experiment. Most columns may be left out."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from hetsched.domain.hyperparameters import Domain
from hetsched.domain.workload import PBT, Experiment, ExperimentId, TrialKind
from hetsched.errors import InputError
from hetsched.scenario.csv_rows import read_rows
from hetsched.scenario.tables import Fraction
from hetsched.scenario.traces.cluster_job import ClusterJob, ending_of
from hetsched.scenario.traces.dealing import Dealer, Dealing, check_types
from hetsched.scenario.traces.fitting import Devices, Fitting
from hetsched.scenario.traces.logs import begin_s, in_window, none_left, since_the_first, timed
from hetsched.scenario.traces.models import dataset_of, datasets_by_model
from hetsched.scenario.traces.naming import named
from hetsched.scenario.traces.times import Times, check_units
from hetsched.scenario.traces.unfit import LeftOutError, refuse_or_leave_out

EVALUATION_IMAGES = 10_000
"""The default number of images per evaluation, where a job's score matters: the size of CIFAR's
test sets."""

SINCE_1970_S = 1e9
"""Arrivals of at least this value are seconds since 1970. Lower ones are seconds since the
start."""


class JobRow(BaseModel):
    """A job, or with a `population` above 1 an experiment under PBT.

    `iterations` counts the iterations of one trial. `num_gpus` is the size of the gang. An empty
    batch size is 1, for models that the profile does not know by batch size. As in the log of a
    cluster, a job without a model is dealt one, and a duration becomes iterations. `cores`,
    `memory_gb` and `user` are checked, and have no effect.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    job_id: str = ""
    model: str | None = None
    dataset: str | None = None
    batch_size: int = Field(default=1, gt=0)
    num_gpus: float = Field(default=1, ge=0)
    gpu_types: str = ""
    cores: float | None = Field(default=None, ge=0)
    memory_gb: float | None = Field(default=None, ge=0)
    user: str | None = None
    state: str = "COMPLETED"
    iterations: int | None = Field(default=None, gt=0, validation_alias=AliasChoices("iterations", "total_steps"))
    duration_s: float | None = None
    arrival_s: str = "0"
    checkpoint_steps: int | None = Field(default=None, gt=0)
    population: int = Field(default=1, gt=0, le=10**6)
    stop_score: Fraction | None = Field(default=None, validation_alias=AliasChoices("stop_score", "stop_accuracy"))
    perturbation_interval: int | None = Field(default=None, gt=0)
    evaluation_images: int | None = Field(default=None, ge=0, le=10**9)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.iterations is not None and self.duration_s is not None:
            raise ValueError("iterations and duration_s both say how much there is to train: leave one empty")
        if self.iterations is not None and self.model is None:
            raise ValueError("iterations need a model; a job without one needs a duration_s")
        if self.population == 1 and self.perturbation_interval is not None:
            raise ValueError("perturbation_interval is for a population above 1")
        if self.population > 1 and self.checkpoint_steps is not None:
            raise ValueError("checkpoint_steps is for a population of 1; PBT has its perturbation_interval")
        if self.stop_score is not None and self.evaluation_images == 0:
            raise ValueError("stop_score needs evaluation_images above 0")
        return self

    @property
    def evaluated(self) -> int:
        """The number of images that are evaluated at the end of a segment. 0: nothing needs the
        score."""
        if self.evaluation_images is not None:
            return self.evaluation_images
        return EVALUATION_IMAGES if self.population > 1 or self.stop_score is not None else 0

    @property
    def pbt(self) -> PBT | None:
        if self.population == 1:
            return None
        return PBT() if self.perturbation_interval is None else PBT(self.perturbation_interval)

    def job(self, line: str) -> ClusterJob:
        """The row as a job of the log of a cluster. `line` is its place in the trace."""
        times = Times()
        submitted_s = times.moment("arrival_s", self.arrival_s)
        types = tuple(word.strip() for word in self.gpu_types.split("|") if word.strip())
        seconds = None if self.iterations is not None else self.duration_s
        ending = ending_of(self.state)
        return ClusterJob(line, self.job_id, submitted_s, seconds, self.num_gpus, ending, types, unread=times.unread)


JOB_COLUMNS = (*JobRow.model_fields, "total_steps", "stop_accuracy")
"""All columns, with the old names of some."""


def read_jobs(
    path: Path, fitting: Fitting, search_space: Mapping[str, Domain], dealing: Dealing | None = None
) -> list[Experiment]:
    """The jobs and experiments of a trace, in its order.

    The file has the columns of `JobRow`, and one line per job or experiment. A job without a data
    set has the only one that the profile knows for its model. Jobs that are evaluated have
    hyperparameters from `search_space`. `dealing` is for jobs without a model or with a duration.

    Raises InputError, naming file, line and column, if the file is not such a trace.
    """
    rows = {f"{path}:{number}": row for number, row in read_rows(path, JobRow, "trace", ("job_id",), renamed="job_id")}
    jobs = {line: row.job(line) for line, row in rows.items()}
    _check(path, rows, jobs, dealing)
    if dealing is not None:
        check_types(path, dealing, jobs.values())
    fitting.counts.read = len(rows)
    which = "all" if dealing is None else dealing.jobs
    kept = list(named(timed(jobs.values(), which, fitting, _with_iterations(rows)), fitting))
    check_units(path, kept)
    window_s, first_s = None if dealing is None else dealing.window_s, begin_s(jobs.values())
    maker = _Maker(fitting, search_space, None if dealing is None else Dealer(dealing, fitting))
    experiments = maker.experiments(rows, in_window(kept, window_s, first_s, fitting.counts))
    if not experiments:
        raise none_left(path, fitting.counts)
    dates = any(not _is_number(rows[job.line].arrival_s) for job in kept)
    shifts = dates or window_s is not None or min(made.arrival_s for made in experiments) >= SINCE_1970_S
    return since_the_first(experiments) if shifts else experiments


def _with_iterations(rows: Mapping[str, JobRow]) -> set[str]:
    """The lines that have iterations, and so need no duration."""
    return {line for line, row in rows.items() if row.iterations is not None}


def _check(path: Path, rows: Mapping[str, JobRow], jobs: Mapping[str, ClusterJob], dealing: Dealing | None) -> None:
    """Raise InputError if the trace has no jobs, or if its `dealing` is superfluous or missing."""
    if not rows:
        raise InputError(f"{path}: the trace has no jobs: expected at least one line below the first one")
    if not any(row.duration_s is not None for row in rows.values()):
        lacking = next((line for line, row in rows.items() if row.iterations is None), None)
        if lacking is not None:
            raise InputError(f"{lacking}: iterations: missing, and no line of the trace has a duration_s instead")
    open_ones = [line for line, row in rows.items() if row.model is None or row.duration_s is not None]
    if dealing is not None and not open_ones:
        raise InputError(f"{path}: the jobs of this trace say what they train: leave out workload.trace_models")
    dates = {line: not _is_number(rows[line].arrival_s) for line, job in jobs.items() if job.submitted_s is not None}
    odd = next((line for line in dates if dates[line] != dates[next(iter(dates))]), None)
    if odd is not None:
        raise InputError(
            f"{odd}: arrival_s: {rows[odd].arrival_s!r}: some jobs arrive at seconds and some at a date: write one kind"
        )
    if dealing is None and open_ones:
        raise InputError(
            f"{open_ones[0]}: a job without a model, or with a duration_s: say in workload.trace_models which models "
            "are dealt, and on which device durations are"
        )
    wrong = next((job for job in jobs.values() if (job.submitted_s or 0.0) < 0), None)
    if wrong is not None:
        raise InputError(f"{wrong.line}: arrival_s: {rows[wrong.line].arrival_s!r}: expected 0 or more")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _Maker:
    """Makes experiments from the lines of a trace."""

    def __init__(self, fitting: Fitting, search_space: Mapping[str, Domain], dealer: Dealer | None) -> None:
        self._fitting = fitting
        self._search_space = search_space
        self._dealer = dealer
        self._datasets = datasets_by_model(fitting.times)

    def experiments(self, rows: Mapping[str, JobRow], jobs: Iterable[ClusterJob]) -> list[Experiment]:
        made = []
        for job in jobs:
            try:
                made.append(self._experiment(rows[job.line], job))
            except LeftOutError as left_out:
                self._fitting.counts.leave_out(str(left_out), job.line, left_out.more)
        return made

    def _experiment(self, row: JobRow, job: ClusterJob) -> Experiment:
        kind, devices = self._kind(row, job), self._fitting.devices(job.gpu_types, job.line)
        gang, iterations, interval = self._work(row, job, kind, devices)
        return Experiment(
            id=ExperimentId(f"job{job.id}"),
            model=kind.model,
            dataset=kind.dataset,
            batch_sizes=(kind.batch_size,),
            population=row.population,
            stop_iterations=iterations,
            stop_score=row.stop_score,
            pbt=row.pbt,
            search_space=dict(self._search_space) if row.evaluated else {},
            arrival_s=job.submitted_s or 0.0,
            evaluation_images=row.evaluated,
            devices=devices,
            gang=gang,
            checkpoint_interval=interval,
        )

    def _kind(self, row: JobRow, job: ClusterJob) -> TrialKind:
        if row.model is None:
            assert self._dealer is not None
            return self._dealer.model_of(job)
        if row.model not in self._datasets and self._fitting.rule.model != "refuse":
            refuse_or_leave_out(self._fitting.rule.model, "model", job.line, "trained a model that the profile has not")
        dataset = dataset_of(row.model, row.dataset, self._datasets, job.line)
        return TrialKind(row.model, dataset, row.batch_size)

    def _work(self, row: JobRow, job: ClusterJob, kind: TrialKind, devices: Devices) -> tuple[int, int, int | None]:
        """The size of the gang, the iterations, and the iterations between two checkpoints (None:
        no checkpoint)."""
        if row.iterations is None:
            assert self._dealer is not None
            gang, iterations = self._dealer.work(job, kind, devices)
            interval = self._dealer.interval(kind, gang, self._dealer.dealing.checkpoint_s)
            return gang, iterations, row.checkpoint_steps or (None if row.population > 1 else interval)
        fitting = self._fitting
        gpus = job.gpus if self._dealer is None else self._dealer.gpus(job)
        gang = fitting.gang(kind, fitting.workers(gpus, job.line), devices, job.line)
        return gang, fitting.capped(row.iterations, job.line), row.checkpoint_steps


def write_jobs(path: Path, jobs: Iterable[Experiment]) -> None:
    """Write jobs and experiments as a trace that `read_jobs` reads. There must be at least one."""
    rows = [_cells(job) for job in jobs]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _cells(job: Experiment) -> dict[str, object]:
    return {
        "job_id": job.id.removeprefix("job"),
        "model": job.model,
        "dataset": job.dataset,
        "batch_size": job.batch_sizes[0],
        "num_gpus": job.gang,
        "gpu_types": "|".join(job.devices or ()),
        "iterations": job.stop_iterations,
        "arrival_s": repr(job.arrival_s),
        "checkpoint_steps": job.checkpoint_interval,
        "population": job.population,
        "stop_score": job.stop_score,
        "perturbation_interval": None if job.pbt is None else job.pbt.perturbation_interval,
        "evaluation_images": job.evaluation_images,
    }
