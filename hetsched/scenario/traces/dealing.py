"""Turns the jobs of a cluster's log into jobs that train known models.

Such logs say when a job was submitted, how long it ran and on how many GPUs. They do not say what
it trained. So models are dealt to the jobs, as in the papers that replay these logs. They are dealt
at random or by GPU time. By GPU time, a job is small below 1 GPU-hour, medium below 10, large below
100, and otherwise xlarge (Pollux: Qiao et al., OSDI'21; Sia: Jayaram Subramanya et al., SOSP'23).
The model's step time on a reference device turns a duration into iterations.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from hetsched.domain.cluster import DeviceType, WorkerType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.random_streams import stream
from hetsched.domain.workload import Experiment, ExperimentId, TrialKind
from hetsched.errors import InputError, nearest, ordinal
from hetsched.scenario.traces.cluster_job import GPU_HOURS, Category, ClusterJob
from hetsched.scenario.traces.fitting import Fitting
from hetsched.scenario.traces.models import dataset_of, datasets_by_model
from hetsched.scenario.traces.unfit import refuse_or_leave_out

CHECKPOINT_S = 360.0
"""The default seconds of training between a job's checkpoints. No published log has this value.

It is the length of Gavel's rounds, at whose ends jobs may be suspended (Narayanan et al., OSDI'20).
"""


class DealtModel(Struct, frozen=True):
    """A model that is dealt to jobs of its category (None: to jobs of any category)."""

    model: str
    dataset: str | None
    batch_size: int
    category: Category | None


class Dealing(Struct, frozen=True):
    """What a cluster's trace does not say.

    Its durations count as durations on `device`. Without `gangs` every job takes one GPU: for the
    same GPU-seconds if it has a duration, for the same iterations if it has these. `window_s`
    selects the jobs of a part of the trace, in seconds since its first job. `checkpoint_s` are the
    seconds, on `device`, between two checkpoints of a job (None: only one, at its end). `gpu_types`
    maps types of the trace to the names that the scenario's cluster has for them.
    """

    models: tuple[DealtModel, ...]
    device: DeviceType
    seed: int = 0
    jobs: Literal["all", "completed"] = "all"
    gangs: bool = True
    window_s: tuple[float, float] | None = None
    checkpoint_s: float | None = CHECKPOINT_S
    gpu_types: dict[str, DeviceType] = {}

    def words(self) -> str:
        """What is assumed of the jobs, for a line beside figures."""
        seconds = "only at its end" if self.checkpoint_s is None else f"every {self.checkpoint_s:g} s there"
        return (
            f"what the jobs of the trace train: dealt by lot (seed {self.seed}) from workload.trace_models, with "
            f"iterations by their durations on {self.device}, and a checkpoint {seconds}"
        )


class Dealer:
    """Deals models to jobs, and turns their durations into iterations."""

    def __init__(self, dealing: Dealing, fitting: Fitting) -> None:
        self.dealing = dealing
        self._fitting = fitting
        fitting.rename(dealing.gpu_types)
        self._kinds = _kinds(dealing, fitting)

    def model_of(self, job: ClusterJob) -> TrialKind:
        """The model of the job. It depends on the seed, and on the job's name and category.

        Raises LeftOutError, or InputError, by the rule, if no model is dealt to the job.
        """
        category = job.category()
        fitting = self._kinds[category]
        if not fitting:
            if not self.dealing.models:
                raise InputError(
                    f"{job.line}: the job has no model: list in workload.trace_models.models what is dealt"
                )
            reason = f"had the category {category!r}, for which workload.trace_models.models has no model"
            refuse_or_leave_out(self._fitting.rule.model, "model", job.line, reason)
        return fitting[stream(self.dealing.seed, "trace-models", job.id).integers(len(fitting))]

    def experiment(self, job: ClusterJob, arrival_s: float) -> Experiment:
        """The job as an experiment. `arrival_s` is its arrival in seconds. Raises LeftOutError if
        it does not fit."""
        kind = self.model_of(job)
        devices = self._fitting.devices(job.gpu_types, job.line)
        gang, iterations = self.work(job, kind, devices)
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
            devices=devices,
            gang=gang,
            checkpoint_interval=self.interval(kind, gang, self.dealing.checkpoint_s),
        )

    def gpus(self, job: ClusterJob) -> float:
        """The GPUs that the job takes if they fit. Without gangs: at most one."""
        return job.gpus if self.dealing.gangs else min(job.gpus, 1.0)

    def work(self, job: ClusterJob, kind: TrialKind, devices: tuple[DeviceType, ...] | None) -> tuple[int, int]:
        """The workers of the job's gang, and its iterations. On the reference device the job takes
        the log's GPU-seconds.

        Raises LeftOutError if the job does not fit.
        """
        assert job.seconds is not None
        device, fitting = self.dealing.device, self._fitting
        gang = fitting.gang(kind, fitting.workers(self.gpus(job), job.line), devices, job.line, device)
        of_share = fitting.times.seconds_per_iteration(kind, WorkerType(device, 0, job.gpus)) if job.gpus < 1 else None
        step_s = fitting.times.seconds_per_iteration(kind, WorkerType(device, 0, float(gang)))
        assert step_s is not None
        iterations = job.seconds / of_share if of_share else job.seconds * job.gpus / gang / step_s
        return gang, fitting.capped(iterations, job.line)

    def interval(self, kind: TrialKind, gang: int, checkpoint_s: float | None) -> int | None:
        """The iterations between two checkpoints."""
        step_s = self._fitting.times.seconds_per_iteration(kind, WorkerType(self.dealing.device, 0, float(gang)))
        return max(1, round(checkpoint_s / step_s)) if checkpoint_s is not None and step_s is not None else None


def check_types(path: Path, dealing: Dealing, jobs: Iterable[ClusterJob]) -> None:
    """Raise InputError for a type in `gpu_types` that no job of the trace names. It would rename
    nothing. Upper and lower case are equal."""
    names = {word.casefold(): word for job in jobs for word in job.gpu_types}
    for word in dealing.gpu_types:
        if word.casefold() not in names:
            has = nearest(word, names.values()) if names else "its jobs name no types of GPUs: leave the key out"
            raise InputError(f"{path}: workload.trace_models.gpu_types.{word}: the trace has no {word!r}: {has}")


def _kinds(dealing: Dealing, fitting: Fitting) -> dict[Category, list[TrialKind]]:
    """The models for the jobs of each category. Raises InputError for a model that no job could
    train."""
    datasets, times = datasets_by_model(fitting.times), fitting.times
    kinds: dict[Category, list[TrialKind]] = {category: [] for category in GPU_HOURS}
    for number, model in enumerate(dealing.models, start=1):
        place = f"workload.trace_models.models (the {ordinal(number)} of them)"
        kind = TrialKind(model.model, dataset_of(model.model, model.dataset, datasets, place), model.batch_size)
        shares = {row.gpu_share for row in times.rows if row.device == dealing.device}
        workers = [WorkerType(dealing.device, 0, share) for share in shares]
        if all(times.seconds_per_iteration(kind, worker) is None for worker in workers):
            one = WorkerType(dealing.device, 0, 1.0)
            raise InputError(
                f"{place}: the profile has no step time of {kind} on 1 x {dealing.device}, by which durations become "
                f"iterations: choose another device or model: {why_missing(times, kind, one)}"
            )
        for category in GPU_HOURS if model.category is None else (model.category,):
            kinds[category].append(kind)
    return kinds
