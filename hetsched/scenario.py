"""Scenarios: the TOML file <-> validated objects.

Every problem in a file is one line that names the file, the key, what was expected and, for a name, the
nearest right spelling.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from hetsched import allocation, learning, scheduling
from hetsched.arrivals import arrive_at_random, arrive_in_bursts
from hetsched.cluster import CPU, ClusterSpec, Node, NodeId, Worker, WorkerType
from hetsched.cluster_traces import (
    Category,
    Dealing,
    DealtModel,
    TraceFormat,
    format_of,
    read_cluster_trace,
)
from hetsched.dispatcher import check_allocation
from hetsched.errors import InputError, PolicyError, nearest
from hetsched.learning import LearningModel
from hetsched.profiles import ProfileRow, StepTimes, read_profile, write_profile
from hetsched.registry import NAME, Strategy
from hetsched.scheduling.policy import SchedulingPolicy
from hetsched.traces import read_jobs, write_jobs
from hetsched.workload import PBT, Experiment, ExperimentId, Range, TrialKind, Workload

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


Place = Literal["storage", "object-store", "both"]


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


SpeedUp = Literal["bfloat16", "channels-last", "compile"]
"""How an iteration may be made faster, at the price of other rounding: layers compute in bfloat16 where that is safe
(PyTorch's autocast), images lie in memory with their channels last, the network is compiled (torch.compile)."""


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


class Scenario(_Table):
    """A cluster, a workload, a profile and what to compare. Load one with `load`."""

    name: Name
    strategies: list[str] = Field(min_length=1)
    baseline: str | None = None
    seeds: Count = 10
    first_seed: int = Field(default=0, ge=0)
    cluster: ClusterTable
    workload: WorkloadTable
    profile: ProfileTable
    overheads: OverheadsTable = OverheadsTable()
    checkpoints: CheckpointsTable = CheckpointsTable()
    learning: LearningTable = LearningTable()
    faults: FaultsTable = FaultsTable()
    real: RealTable = RealTable()
    metrics: MetricsTable = MetricsTable()
    allocation: PolicyOptions = {}
    scheduling: PolicyOptions = {}

    @model_validator(mode="after")
    def _devices_are_there(self) -> Self:
        known = {CPU} | {node.gpu_type for node in self.cluster.nodes if node.gpu_type}
        for experiment in self.workload.experiments:
            for device in experiment.devices or ():
                if device not in known:
                    raise ValueError(
                        f"workload.experiments.{experiment.name}.devices: the cluster has no {device!r}: "
                        f"{nearest(device, known)}"
                    )
        return self

    @model_validator(mode="after")
    def _faulty_nodes_are_there(self) -> Self:
        names = [name for node in self.cluster.nodes for name in node.names()]
        spot = self.faults.spot
        for key, nodes in (("late", list(self.faults.late)), ("spot.nodes", (spot.nodes if spot else None) or [])):
            for node in nodes:
                if node not in names:
                    raise ValueError(f"faults.{key}: the cluster has no node {node!r}: {nearest(node, names)}")
        return self

    _folder: Path = PrivateAttr(default=Path())
    _times: StepTimes | None = PrivateAttr(default=None)
    _jobs: list[Experiment] | None = PrivateAttr(default=None)
    _kept_workers: dict[str, list[Worker]] = PrivateAttr(default_factory=dict)

    @property
    def charged_times(self) -> StepTimes:
        """The profile without the costs that `[overheads]` leaves out: what the simulator charges, and policies
        expect."""
        left_out = self.overheads.left_out
        return self.times.without(left_out) if left_out else self.times

    @property
    def times(self) -> StepTimes:
        """The profile. Raises InputError for a source that is not there."""
        if self._times is None:
            rows: dict[tuple[TrialKind, WorkerType], ProfileRow] = {}
            for source in self.profile.sources:
                for row in _read_source(source, self._folder):
                    if rows.setdefault((row.kind, row.worker_type), row) is not row:
                        raise InputError(f"{source!r}: {row.kind} on {row.worker_type} is in an earlier source already")
            self._times = StepTimes(rows.values(), extrapolate=self.profile.extrapolate)
        return self._times

    def cluster_spec(self) -> ClusterSpec:
        return ClusterSpec(
            tuple(
                Node(
                    NodeId(name),
                    table.cores,
                    table.gpus,
                    table.gpu_type,
                    self.real.time_scale * table.pace if table.pace else None,
                    table.address,
                )
                for table in self.cluster.nodes
                for name in table.names()
            )
        )

    def workload_spec(self) -> Workload:
        """The experiments in the order of their arrival. Raises InputError for a trace that cannot be read."""
        experiments = self.workload.listed_experiments()
        if self._jobs is None:
            self._jobs = self.workload.read_trace(self._folder, self.times)
        jobs = {job.id for job in self._jobs}
        for experiment in experiments:
            if experiment.id in jobs:
                raise InputError(f"the trace has a job called {experiment.id!r}, and so is an experiment: rename it")
        return Workload(tuple(sorted(experiments + self._jobs, key=lambda experiment: experiment.arrival_s)))

    def scheduling_policy(self, strategy: Strategy) -> SchedulingPolicy:
        """A new scheduling policy of the strategy, with the scenario's options for it."""
        return scheduling.policies.create(strategy.scheduling, self.scheduling.get(strategy.scheduling, {}))

    def learning_model(self) -> LearningModel:
        """The learning-curve model. Raises InputError if there is none of that name, or an option is wrong."""
        return learning.models.create(self.learning.model, self.learning.options)

    def workers(self, strategy: Strategy) -> list[Worker]:
        """The workers that the strategy's allocation policy makes.

        Raises PolicyError, naming the policy, if they cannot be or the policy raises, and InputError if the policy says
        that cluster, workload or profile do not suit it.
        """
        if strategy.allocation in self._kept_workers:
            return list(self._kept_workers[strategy.allocation])
        cluster, workload = self.cluster_spec(), self.workload_spec()
        policy = allocation.policies.create(strategy.allocation, self.allocation.get(strategy.allocation, {}))
        try:
            workers = list(policy.workers(cluster, workload, self.times))
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            name = f"allocation policy {strategy.allocation!r}"
            raise PolicyError(f"{name} raised {type(error).__name__}: {error}") from error
        check_allocation(strategy.allocation, cluster, workers)
        return workers

    @property
    def paced(self) -> bool:
        return any(node.pace for node in self.cluster.nodes)

    @property
    def synthetic(self) -> bool:
        """Whether some experiment trains on the stand-in for a real data set."""
        return any(experiment.dataset == "synthetic" for experiment in self.workload_spec().experiments)

    def to_toml(self) -> str:
        """The scenario with every default written out."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))

    def save(self, folder: Path) -> None:
        """Write `scenario.toml`, every default written out, `profile.csv` and a copy of the trace: all that another
        run needs."""
        folder.mkdir(parents=True, exist_ok=True)
        write_profile(folder / "profile.csv", self.times.rows)
        complete = self.replace(profile=self.profile.model_copy(update={"sources": ["profile.csv"]}))
        if self.workload.trace is not None:
            saved: dict[str, Any] = {"trace": "trace.csv", "trace_format": "hetsched", "trace_models": None}
            if self.workload.trace_models is None:
                (folder / "trace.csv").write_bytes((self._folder / self.workload.trace).read_bytes())
            else:  # the jobs as they were dealt: another profile would make other iterations of their durations
                self.workload_spec()
                write_jobs(folder / "trace.csv", self._jobs or [])
            complete = complete.replace(workload=self.workload.model_copy(update=saved))
        (folder / "scenario.toml").write_text(complete.to_toml())

    def replace(self, **changes: Any) -> "Scenario":
        """A copy with some top-level values changed (already validated ones)."""
        copy = self.model_copy(update=changes)
        if "profile" in changes:
            copy._times = None
        if "workload" in changes:
            copy._jobs = None
        return copy

    def replace_times(self, times: StepTimes) -> "Scenario":
        """A copy that uses `times` in place of its profile's sources."""
        copy = self.model_copy()
        copy._times = times
        return copy

    def keep_workers(self, strategies: Iterable[Strategy]) -> "Scenario":
        """A copy in which these strategies' allocation policies have decided: neither other step times nor another
        workload, in copies of it, change their workers."""
        copy = self.model_copy()
        copy._kept_workers = {strategy.allocation: self.workers(strategy) for strategy in strategies}
        return copy


Discover = Callable[[str | None], list[dict[str, Any]]]
"""From the address that the scenario has to the tables of the nodes that are there."""


def load(path: Path, discover: Discover | None = None) -> Scenario:
    """Read and check a scenario; its nodes come from `discover` if it says `cluster = "discover"`.

    Raises InputError, a line a problem, for whatever is wrong in it.
    """
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot read the scenario: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file: {error.reason}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML: {error}") from error
    if isinstance(said := document.get("cluster"), str):
        document["cluster"] = {"nodes": _discovered(path, document, said, discover)}
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {_explain(detail)}" for detail in error.errors())) from error
    scenario._folder = path.parent
    try:
        for name in scenario.strategies:
            parse_strategy(name, where="strategies")
        if scenario.baseline is not None:
            parse_strategy(scenario.baseline, where="baseline")
        for name, options in scenario.allocation.items():
            allocation.policies.create(name, options)
        for name, options in scenario.scheduling.items():
            scheduling.policies.create(name, options)
        scenario.learning_model()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    try:
        scenario.times  # noqa: B018  (reads the sources)
    except InputError as error:
        raise InputError(f"{path}: profile.sources: {error}") from error
    try:
        scenario.workload_spec()  # reads the trace
    except InputError as error:
        raise InputError(f"{path}: workload.trace: {error}") from error
    return scenario


def _discovered(path: Path, document: dict[str, Any], said: str, discover: Discover | None) -> list[dict[str, Any]]:
    if said != DISCOVER:
        raise InputError(f'{path}: cluster: expected [[cluster.nodes]] or "{DISCOVER}", got {said!r}')
    if discover is None:
        raise InputError(
            f"{path}: cluster: \"{DISCOVER}\" asks a running Ray cluster, which only 'hetsched run' and 'hetsched "
            "validate' do: list the nodes instead; 'hetsched nodes --address ADDR' prints them"
        )
    real = document.get("real")
    try:
        return discover(real.get("address") if isinstance(real, dict) else None)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_strategy(text: str, where: str = "--strategy") -> Strategy:
    """`fusion+hrfs` -> Strategy. Raises InputError with the nearest right spelling."""
    allocation_name, plus, scheduling_name = text.partition("+")
    if not plus:
        raise InputError(f"{where}: {text!r}: a strategy is ALLOCATION+SCHEDULING, such as fusion+hrfs")
    try:
        allocation.policies.factory(allocation_name)
        scheduling.policies.factory(scheduling_name)
    except InputError as error:
        raise InputError(f"{where}: {text!r}: {error}") from error
    return Strategy(allocation_name, scheduling_name)


def profiled_workers(scenario: Scenario, strategy: Strategy) -> list[Worker]:
    """The strategy's workers. Raises InputError for a pair of trial and worker that the simulator would need and
    the profile lacks, and for trials that no worker may run."""
    workers = scenario.workers(strategy)
    types = Counter(worker.type for worker in workers)
    single = getattr(scheduling.policies.factory(strategy.scheduling), "single_workers_only", False)
    for experiment in scenario.workload_spec().experiments:
        usable = [worker_type for worker_type in types if experiment.may_use(worker_type.device)]
        if not usable:
            raise InputError(
                f"workload.experiments.{experiment.id}.devices: {strategy} has no worker of {experiment.devices}; "
                f"it has {', '.join(map(str, types))}"
            )
        if experiment.gang > 1 and single:
            raise InputError(
                f"workload.experiments.{experiment.id}.gang: {strategy.scheduling!r} puts a trial on one worker, "
                f"this one takes {experiment.gang}; choose another policy"
            )
        if max(types[worker_type] for worker_type in usable) < experiment.gang:
            have = ", ".join(f"{types[worker_type]} of {worker_type}" for worker_type in usable)
            raise InputError(
                f"workload.experiments.{experiment.id}.gang: a trial takes {experiment.gang} workers of one type, "
                f"{strategy} has {have}"
            )
        gangs = [worker_type.gang(experiment.gang) for worker_type in usable]
        for kind in experiment.kinds:
            missing = [gang for gang in gangs if scenario.times.seconds_per_iteration(kind, gang) is None]
            # A gang does not run on types without an entry, which is how profiles say that it does not fit into their
            # memory (Gavel's ResNet-50 at batch 128 on K80s): see StateView.usable. It must run somewhere.
            if missing and (experiment.gang == 1 or missing == gangs):
                raise InputError(_missing_entry(scenario, kind, experiment.id, str(missing[0])))
    return workers


def _missing_entry(scenario: Scenario, kind: TrialKind, experiment: ExperimentId, worker: str) -> str:
    rows = scenario.times.rows
    key = f"workload.experiments.{experiment}"
    for word, known, field in (
        (kind.model, {row.model for row in rows}, "model"),
        (kind.dataset, {row.dataset for row in rows if row.model == kind.model}, "dataset"),
    ):
        if word not in known:
            return f"{key}.{field}: the profile has no entry for {word!r}: {nearest(word, known)}"
    known = {
        str(row.worker_type) + f" at batch {row.batch_size}"
        for row in rows
        if (row.model, row.dataset) == (kind.model, kind.dataset)
    }
    return (
        f"{key}: the profile has no entry for {kind} on a worker of {worker}; measured: "
        f"{', '.join(sorted(known))}. Measure it with 'hetsched profile', or set profile.extrapolate = true"
    )


def _read_source(source: str, folder: Path) -> list[ProfileRow]:
    shipped = {
        entry.name.removesuffix(".csv"): entry
        for point in entry_points(group="hetsched.profiles")
        for entry in files(point.value).iterdir()
        if entry.name.endswith(".csv")
    }
    if source in shipped:
        return read_profile(Path(str(shipped[source])))
    path = folder / source
    if path.suffix != ".csv" or not path.is_file():
        raise InputError(f"{source!r} is neither a shipped profile nor a CSV file: {nearest(source, shipped)}")
    return read_profile(path)


def _explain(detail: ErrorDetails) -> str:
    """One line: key, what is wrong, what was expected, and the nearest right spelling of an unknown key."""
    loc = [part for part in detail["loc"] if not str(part).startswith(("constrained-", "list["))]  # arms of a union
    *parents, last = loc or [""]
    key = ".".join(str(part) for part in loc)
    if not key:  # found by a check of the whole scenario, which names the key itself
        return detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"{key}: unknown key: {nearest(str(last), _keys_at(parents))}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return f"{key}: missing: {message.lower()}"
    given = detail["input"]
    shown = f", got {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


def _keys_at(parents: list[int | str]) -> list[str]:
    """The keys that the table at this place may have."""
    table: type[BaseModel] = Scenario
    for part in parents:
        if isinstance(part, str) and part in table.model_fields:
            table = _inner_table(table.model_fields[part].annotation) or table
    return list(table.model_fields)


def _inner_table(annotation: Any) -> type[BaseModel] | None:
    """The table class inside an annotation such as list[NodeTable]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in getattr(annotation, "__args__", ()) if (found := _inner_table(arg))), None)
