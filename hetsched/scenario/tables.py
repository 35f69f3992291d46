"""The tables of a scenario file."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hetsched.domain.cluster import CPU
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import NAME
from hetsched.domain.workload import PBT, Experiment, ExperimentId, Place, Range, SpeedUp
from hetsched.errors import InputError
from hetsched.scenario.arrivals import arrive_at_random, arrive_in_bursts
from hetsched.scenario.cluster_traces import Category, Dealing, DealtModel, TraceFormat, format_of, read_cluster_trace
from hetsched.scenario.job_traces import read_jobs

# Limits beyond anything that is trained, so that no sum of them overflows.
Seconds = Annotated[float, Field(ge=0, le=1e9)]


Factor = Annotated[float, Field(ge=1e-6, le=1e6)]


Fraction = Annotated[float, Field(ge=0, le=1)]


Count = Annotated[int, Field(ge=1, le=10**9)]


DISCOVER = "discover"
"""What a scenario says of its cluster instead of listing the nodes."""


Name = Annotated[str, Field(pattern=NAME)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), allow_inf_nan=False)


class NodeTable(_Table):
    """One kind of machine. With `count`, that many of them, numbered from 0.

    With `pace`, every iteration takes the profile's time for the device x `real.time_scale` x `pace` (true: 1).
    """

    name: Name
    cores: Count
    gpus: int = Field(default=0, ge=0, le=10**6)
    gpu_type: Name | None = None
    count: Count = 1
    pace: bool | Factor = False
    address: str | None = None

    @model_validator(mode="after")
    def _gpus_have_a_type(self) -> Self:
        if self.gpus and self.gpu_type in (None, CPU):
            raise ValueError("a node with gpus needs gpu_type, the name of their type such as 'v100'")
        if self.gpu_type and not self.gpus:
            raise ValueError("a node with gpu_type needs gpus, how many it has")
        if self.address and self.count > 1:
            raise ValueError("nodes with an address are listed one by one, without count")
        return self

    def names(self) -> list[str]:
        return [self.name] if self.count == 1 else [f"{self.name}{number}" for number in range(self.count)]


class ClusterTable(_Table):
    nodes: list[NodeTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        counts = Counter(name for node in self.nodes for name in node.names())
        name, times = counts.most_common(1)[0]
        if times > 1:
            raise ValueError(f"{times} nodes are called {name!r} (count numbers them from 0); names must differ")
        return self


class RangeTable(_Table):
    low: float = Field(ge=0, le=1e6)
    high: float = Field(ge=0, le=1e6)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.high:
            raise ValueError(f"low must not exceed high, got {self.low:g} and {self.high:g}")
        if self.scale == "log" and self.low < 1e-12:
            raise ValueError(f"a log scale needs low >= 1e-12, got {self.low:g}")
        return self


class PBTTable(_Table):
    """Population-Based Training, with Ray Tune's defaults; the interval is in iterations.

    Unless `enabled`, the trials of the experiment are independent of each other.
    """

    enabled: bool = True
    perturbation_interval: Count = 50
    quantile_fraction: float = Field(default=0.25, ge=0, le=0.5)
    resample_probability: Fraction = 0.25
    perturbation_factors: tuple[Factor, Factor] = Field(default=(1.2, 0.8), strict=False)

    def settings(self) -> PBT | None:
        return PBT(**self.model_dump(exclude={"enabled"})) if self.enabled else None


class SearchSpaceTable(_Table):
    """The hyperparameters of SGD. What is left out is 0; the learning rate is needed."""

    lr: RangeTable = RangeTable(low=0.0001, high=1.0)
    momentum: RangeTable | None = RangeTable(low=0.0001, high=1.0)
    weight_decay: RangeTable | None = None

    def ranges(self) -> dict[str, Range]:
        tables = {"lr": self.lr, "momentum": self.momentum, "weight_decay": self.weight_decay}
        return {key: Range(span.low, span.high, span.scale) for key, span in tables.items() if span is not None}


class ExperimentTable(_Table):
    name: Name
    model: str = "resnet18"
    dataset: str = "cifar10"
    batch_size: Count | list[Count] = 512
    population: Count = 20
    stop_iterations: Count = 1000
    stop_accuracy: Fraction | None = None
    arrival_s: Seconds = 0.0
    evaluation_images: int = Field(default=10_000, ge=0, le=10**9)
    train_images: Count | None = None
    devices: list[str] | None = Field(default=None, min_length=1)
    gang: Count = 1
    checkpoint_interval: Count | None = None
    pbt: PBTTable = PBTTable()
    search_space: SearchSpaceTable = SearchSpaceTable()
    count: Count = 1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch_size == []:
            raise ValueError("batch_size: a list needs at least one batch size")
        if self.checkpoint_interval is not None and self.pbt.enabled:
            raise ValueError("checkpoint_interval needs pbt.enabled = false; under PBT set pbt.perturbation_interval")
        return self

    def names(self) -> list[str]:
        return [self.name] if self.count == 1 else [f"{self.name}{number}" for number in range(self.count)]

    def experiments(self) -> list[Experiment]:
        return [
            Experiment(
                ExperimentId(name),
                self.model,
                self.dataset,
                tuple(self.batch_size) if isinstance(self.batch_size, list) else (self.batch_size,),
                self.population,
                self.stop_iterations,
                self.stop_accuracy,
                self.pbt.settings(),
                self.search_space.ranges(),
                self.arrival_s,
                self.evaluation_images,
                self.train_images,
                tuple(self.devices) if self.devices is not None else None,
                self.gang,
                self.checkpoint_interval,
            )
            for name in self.names()
        ]


class PoissonTable(_Table):
    """Experiments arrive one after the other, with exponential gaps of this mean; the first one at 0."""

    mean_gap_s: Annotated[float, Field(gt=0, le=1e9)]
    seed: int = Field(default=0, ge=0)


class BurstsTable(_Table):
    """Experiments arrive `size` at a time, the first burst at 0; see `hetsched.arrivals`."""

    size: Count
    gap_s: Annotated[float, Field(gt=0, le=1e9)]
    gaps: Literal["exponential", "fixed"] = "exponential"
    spread_s: Seconds = 0.0
    seed: int = Field(default=0, ge=0)


class TraceModelTable(_Table):
    """A model that jobs of a cluster's trace train: those of a `category`, or any."""

    model: str
    dataset: str | None = None
    batch_size: Count
    category: Category | None = None


class TraceModelsTable(_Table):
    """What the trace of a cluster does not say; see `hetsched.cluster_traces`."""

    models: list[TraceModelTable] = Field(min_length=1)
    device: Name
    seed: int = Field(default=0, ge=0)
    jobs: Literal["all", "completed"] = "all"
    gangs: bool = True
    window_s: tuple[Seconds, Seconds] | None = Field(default=None, strict=False)

    @field_validator("device")
    @classmethod
    def _is_a_gpu(cls, device: str) -> str:
        if device == CPU:
            raise ValueError("expected the type of a GPU, such as v100: the durations of the trace are those on GPUs")
        return device

    def dealing(self) -> Dealing:
        models = tuple(DealtModel(**table.model_dump()) for table in self.models)
        return Dealing(models, self.device, self.seed, self.jobs, self.gangs, self.window_s)


class WorkloadTable(_Table):
    """Experiments, or a `trace` (a file relative to the scenario), or both.

    With `poisson` or `bursts`, the experiments that are listed here arrive in their order, at random. The format of a
    trace is told by its columns, unless `trace_format` says it.
    """

    experiments: list[ExperimentTable] = []
    trace: str | None = None
    trace_format: TraceFormat | None = None
    trace_models: TraceModelsTable | None = None
    poisson: PoissonTable | None = None
    bursts: BurstsTable | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if not self.experiments and self.trace is None:
            raise ValueError("there is nothing to train: list experiments, or name a trace")
        counts = Counter(name for experiment in self.experiments for name in experiment.names())
        for name, times in counts.items():
            if times > 1:
                raise ValueError(
                    f"{times} experiments are called {name!r} (count numbers them from 0); names must differ"
                )
        return self

    @model_validator(mode="after")
    def _arrivals_are_said_once(self) -> Self:
        if self.poisson is not None and self.bursts is not None:
            raise ValueError("poisson and bursts both say when experiments arrive: leave one out")
        for name, table in (("poisson", self.poisson), ("bursts", self.bursts)):
            if table is not None and not self.experiments:
                raise ValueError(f"{name} is for listed experiments, and there are none: a trace has its own arrivals")
            if table is not None and any(experiment.arrival_s for experiment in self.experiments):
                raise ValueError(f"{name} says when experiments arrive: leave out their arrival_s")
        return self

    @model_validator(mode="after")
    def _there_is_a_trace(self) -> Self:
        for name, value in (("trace_format", self.trace_format), ("trace_models", self.trace_models)):
            if value is not None and self.trace is None:
                raise ValueError(f"{name} is for a trace, and there is none: name its file in 'trace'")
        return self

    def listed_experiments(self) -> list[Experiment]:
        """The experiments that are listed, with their arrivals."""
        experiments = [experiment for table in self.experiments for experiment in table.experiments()]
        if self.poisson is not None:
            return arrive_at_random(experiments, self.poisson.mean_gap_s, self.poisson.seed)
        if (bursts := self.bursts) is not None:
            fixed = bursts.gaps == "fixed"
            return arrive_in_bursts(
                experiments, bursts.size, bursts.gap_s, bursts.seed, fixed=fixed, spread_s=bursts.spread_s
            )
        return experiments

    def read_trace(self, folder: Path, times: StepTimes) -> list[Experiment]:
        """What the trace has, if there is one. Raises InputError if it cannot be read."""
        if self.trace is None:
            return []
        path, models = folder / self.trace, self.trace_models
        trace_format = self.trace_format or format_of(path)
        if trace_format == "hetsched":
            if models is not None:
                raise InputError(f"{path}: the jobs of this trace say what they train: leave out workload.trace_models")
            return read_jobs(path, times, SearchSpaceTable().ranges())
        if models is None:
            raise InputError(f"{path}: a {trace_format} trace: say in workload.trace_models what its jobs train")
        return read_cluster_trace(path, trace_format, models.dealing(), times)


class ProfileTable(_Table):
    """Where step times come from: shipped profiles by name, or CSV files relative to the scenario."""

    sources: list[str] = Field(min_length=1)
    extrapolate: bool = False


class OverheadsTable(_Table):
    """What the simulator charges beside training.

    `noise` makes every duration vary, `sharing` slows trials down that share a node. `dispatch_s` is the driver's time
    per segment; it serves one after the other. `latency_s` is what the messages between driver and worker take per
    segment, any number of them at once.
    """

    start_up: bool = True
    restore: bool = True
    evaluation: bool = True
    checkpoint: bool = True
    noise: bool = True
    sharing: bool = True
    dispatch_s: Seconds = 0.0
    latency_s: Seconds = 0.0

    @property
    def left_out(self) -> frozenset[str]:
        """The costs, by their names in a profile, that are not charged."""
        charged = {
            ("start_up_s",): self.start_up,
            ("restore_s", "object_store_restore_s", "checkpoint_bytes"): self.restore,
            ("evaluation_s_per_image",): self.evaluation,
            ("checkpoint_s", "object_store_save_s"): self.checkpoint,
            ("noise_cv", "evaluation_cv", "start_up_cv", "restore_cv", "checkpoint_cv"): self.noise,
            ("sharing",): self.sharing,
        }
        return frozenset(name for names, is_charged in charged.items() if not is_charged for name in names)


class LearningTable(_Table):
    """The learning-curve model of a simulation, and its options: the arguments of its `__init__`."""

    model: Name = "sgd"
    options: dict[str, bool | int | float | str] = {}


class CheckpointsTable(_Table):
    """Where checkpoints are kept: in storage, in the object stores of the nodes (their memory), or in both: a segment
    then ends when memory has its checkpoint, which is written to storage afterwards. `network_bytes_per_s` is what a
    simulation charges for moving one from node to node (1 Gb/s by default)."""

    place: Place = "both"
    network_bytes_per_s: Annotated[float, Field(gt=0, le=1e15)] = 1.25e8


Mean = Annotated[float, Field(gt=0, le=1e9)]
"""The mean of an exponential time in seconds."""


class FailuresTable(_Table):
    """Nodes or workers fail after `mean_between_s` on average and are back after `mean_repair_s`."""

    mean_between_s: Mean
    mean_repair_s: Mean

    @property
    def times(self) -> tuple[float, float]:
        return self.mean_between_s, self.mean_repair_s


class CrashesTable(_Table):
    """A trial crashes after so much time on workers, on average."""

    mean_between_s: Mean


class StragglersTable(_Table):
    """A worker takes `factor` times as long for `mean_duration_s`, every `mean_between_s`, on average."""

    mean_between_s: Mean
    mean_duration_s: Mean
    factor: Annotated[float, Field(ge=1, le=1e6)]


class SpotTable(_Table):
    """Nodes (all, unless named) are reclaimed `notice_s` after a notice, and come back `away_s` later on average (None:
    never)."""

    mean_between_s: Mean
    notice_s: Seconds = 120.0
    away_s: Mean | None = None
    nodes: list[str] | None = Field(default=None, min_length=1)


class FaultsTable(_Table):
    """What goes wrong in a simulation; see `sim.faults`. `late` nodes join only so many seconds after the start."""

    nodes: FailuresTable | None = None
    workers: FailuresTable | None = None
    trials: CrashesTable | None = None
    stragglers: StragglersTable | None = None
    spot: SpotTable | None = None
    late: dict[str, Seconds] = {}


class MetricsTable(_Table):
    """What to measure runs against: a target accuracy (default: each experiment's `stop_accuracy`), and a deadline in
    seconds since the start of the run."""

    target_accuracy: Annotated[float, Field(gt=0, le=1)] | None = None
    deadline_s: Seconds | None = None


class RealTable(_Table):
    """How a real run is made. `time_scale` multiplies the profile's step times on nodes with a `pace`. `model_file`
    is a Python file that registers models; paths are relative to the scenario's file. `report_interval_s` is how often
    a run that is not watched on a terminal says how far it is; with `tensorboard`, Tune writes files for it. `augment`
    crops and mirrors training images at random. `speed_ups` are meant for GPUs."""

    time_scale: Factor = 1.0
    data_dir: str | None = None
    model_file: str | None = None
    address: str | None = None
    report_interval_s: float = Field(default=10.0, gt=0, le=1e9)
    tensorboard: bool = False
    augment: bool = False
    speed_ups: list[SpeedUp] = []


PolicyOptions = dict[str, dict[str, bool | int | float | str]]
"""Options by the name of the policy."""
