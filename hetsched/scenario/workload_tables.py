"""The tables of cluster and workload, and what a run makes of them: nodes and experiments."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, ValidationInfo, field_validator, model_validator

from hetsched.domain.cluster import CPU, ClusterSpec, Gpu, Node, NodeId
from hetsched.domain.metric import DEFAULT, METRIC_NAME, Metric, Mode
from hetsched.domain.profiles import DATASET, MOST_MEMORY_GIB, StepTimes, in_mib
from hetsched.domain.workload import (
    BATCH_SIZE,
    PBT,
    Bounds,
    Experiment,
    ExperimentId,
    Iterations,
    Workload,
    batch_sizes_of,
)
from hetsched.errors import InputError, nearest
from hetsched.scenario.arrivals import arrive_at_random, arrive_in_bursts
from hetsched.scenario.search_space import HRFS_SEARCH_SPACE, SearchSpace, check_batch_sizes, check_mutated, domains
from hetsched.scenario.tables import Count, Factor, Fraction, Many, Name, Price, Score, Seconds, SpotTable, Table
from hetsched.scenario.trace_tables import TraceModelsTable
from hetsched.scenario.traces.fitting import gpus_of
from hetsched.scenario.traces.formats import TraceFormat, format_of
from hetsched.scenario.traces.trace import Trace, read_trace
from hetsched.scenario.traces.unfit import Unfit

DISCOVER = "discover"
"""What a scenario says of its cluster instead of listing the nodes."""

Gib = Annotated[float, Field(gt=0, le=1e6)]
Cores = Annotated[int, Field(ge=1, le=10**4)]
GpusOfAType = Annotated[int, Field(ge=1, le=10**6)]


class NodeTable(Table):
    """One kind of machine. With `count`, that many of them, numbered from 0.

    `gpus` is how many GPUs of `gpu_type` it has, or for several types a table: type -> how many. `gpu_memory_gib` is
    the memory of each GPU, or such a table.
    With `pace`, every iteration takes the profile's time for the device x `real.time_scale` x `pace` (true: 1).
    Prices are per hour, in units of currency; that of spot counts where `faults.spot` has the node.
    """

    name: Name
    cores: Cores
    gpus: Annotated[int, Field(ge=0, le=10**6)] | dict[Name, GpusOfAType] = 0
    gpu_type: Name | None = None
    gpu_memory_gib: Gib | dict[Name, Gib] | None = None
    count: Many = 1
    pace: bool | Factor = False
    address: str | None = None
    price_per_h: Price | None = None
    spot_price_per_h: Price | None = None

    @model_validator(mode="after")
    def _gpus_have_a_type(self) -> Self:
        if isinstance(self.gpus, dict):
            if not self.gpus or CPU in self.gpus:
                raise ValueError("gpus: a table says of each type of GPU how many there are, such as { v100 = 2 }")
            if self.gpu_type:
                raise ValueError("gpu_type: the table of gpus has the types: leave gpu_type out")
        elif self.gpus and self.gpu_type in (None, CPU):
            raise ValueError("a node with gpus needs gpu_type, the name of their type such as 'v100'")
        if self.gpu_type and not self.gpus:
            raise ValueError("a node with gpu_type needs gpus, how many it has")
        if self.address and self.count > 1:
            raise ValueError("nodes with an address are listed one by one, without count")
        return self

    @model_validator(mode="after")
    def _spot_has_a_full_price(self) -> Self:
        if self.spot_price_per_h is not None and self.price_per_h is None:
            raise ValueError("spot_price_per_h needs price_per_h, what the node costs without faults.spot")
        return self

    @model_validator(mode="after")
    def _memory_is_of_its_gpus(self) -> Self:
        if self.gpu_memory_gib is not None and not self.gpu_types:
            raise ValueError("gpu_memory_gib: the node has no GPUs: leave gpu_memory_gib out")
        for name in self.gpu_memory_gib if isinstance(self.gpu_memory_gib, dict) else ():
            if name not in self.gpu_types:
                raise ValueError(f"gpu_memory_gib: the node has no {name!r}: {nearest(name, self.gpu_types)}")
        sizes = {gpu.memory_gib for gpu in self.each_gpu if gpu.memory_gib is not None}
        if sizes and max(sizes) > MOST_MEMORY_GIB:
            raise ValueError(f"gpu_memory_gib: {in_mib(max(sizes))}")
        return self

    @property
    def gpu_types(self) -> list[str]:
        """The types of its GPUs."""
        if isinstance(self.gpus, dict):
            return list(self.gpus)
        return [self.gpu_type] if self.gpu_type else []

    @property
    def each_gpu(self) -> tuple[Gpu, ...]:
        """The GPUs of one such node, in the order of their types."""
        counts = self.gpus if isinstance(self.gpus, dict) else dict.fromkeys(self.gpu_types, self.gpus)
        memory = self.gpu_memory_gib
        return tuple(
            Gpu(name, memory.get(name) if isinstance(memory, dict) else memory)
            for name, count in counts.items()
            for _ in range(count)
        )

    def names(self) -> list[str]:
        return [self.name] if self.count == 1 else [f"{self.name}{number}" for number in range(self.count)]

    def nodes(self, time_scale: float, spot: SpotTable | None) -> list[Node]:
        """The machines; `time_scale` multiplies their pace, if they have one. Those that `spot` has cost their spot
        price, if they have one."""
        pace = time_scale * self.pace if self.pace else None
        gpus, several = self.each_gpu, len(self.gpu_types) > 1
        gpu_type, memory_gib = (None, None) if several or not gpus else gpus[0]
        return [
            Node(
                id=NodeId(name),
                cores=self.cores,
                gpus=len(gpus),
                gpu_type=gpu_type,
                pace=pace,
                address=self.address,
                price_per_h=self._price_per_h(name, spot),
                gpu_memory_gib=memory_gib,
                mixed=gpus if several else (),
            )
            for name in self.names()
        ]

    def _price_per_h(self, name: str, spot: SpotTable | None) -> float | None:
        is_spot = spot is not None and (spot.nodes is None or name in spot.nodes)
        return self.spot_price_per_h if is_spot and self.spot_price_per_h is not None else self.price_per_h


class ClusterTable(Table):
    nodes: list[NodeTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        counts = Counter(name for node in self.nodes for name in node.names())
        name, times = counts.most_common(1)[0]
        if times > 1:
            raise ValueError(f"{times} nodes are called {name!r} (count numbers them from 0); names must differ")
        return self

    def cluster(self, time_scale: float, spot: SpotTable | None = None) -> ClusterSpec:
        return ClusterSpec(tuple(node for table in self.nodes for node in table.nodes(time_scale, spot)))


class MetricTable(Table):
    """What trials are ranked by: a number that evaluations report under `name`, and whether the larger (`max`) or the
    smaller (`min`) is better."""

    name: Annotated[str, Field(pattern=METRIC_NAME, max_length=60)] = DEFAULT.name
    mode: Mode = DEFAULT.mode


class PBTTable(Table):
    """Population-Based Training, with Ray Tune's defaults; the interval is in iterations.

    Unless `enabled`, the trials of the experiment are independent of each other. `bounds` says whether the factors may
    take a value out of its range, `iterations` whether a trial that copies another takes over its count of iterations,
    `mutate` which hyperparameters change (all that vary), `explore` which function of a policy file has the last word.
    """

    enabled: bool = True
    perturbation_interval: Count = 50
    quantile_fraction: float = Field(default=0.25, ge=0, le=0.5)
    resample_probability: Fraction = 0.25
    perturbation_factors: tuple[Factor, Factor] = Field(default=(1.2, 0.8), strict=False)
    bounds: Bounds = "range"
    mutate: list[str] | None = None
    explore: Name | None = None
    iterations: Iterations = "own"

    def settings(self) -> PBT | None:
        if not self.enabled:
            return None
        mutate = None if self.mutate is None else tuple(self.mutate)
        return PBT(**self.model_dump(exclude={"enabled", "mutate"}), mutate=mutate)


class ExperimentTable(Table):
    name: Name
    model: str = "resnet18"
    dataset: str = DATASET
    batch_size: Count | list[Count] = 512
    population: Many = 20
    stop_iterations: Count = 1000
    metric: MetricTable = MetricTable()
    stop_score: Score | None = Field(default=None, validation_alias=AliasChoices("stop_score", "stop_accuracy"))
    arrival_s: Seconds = 0.0
    evaluation_images: int = Field(default=10_000, ge=0, le=10**9)
    train_images: Count | None = None
    devices: list[str] | None = Field(default=None, min_length=1)
    gang: Many = 1
    checkpoint_interval: Count | None = None
    pbt: PBTTable = PBTTable()
    search_space: SearchSpace = HRFS_SEARCH_SPACE
    count: Many = 1

    @field_validator("stop_score")
    @classmethod
    def _is_an_accuracy(cls, score: float | None, info: ValidationInfo) -> float | None:
        """Without a metric it is of the built-in networks."""
        metric = info.data.get("metric")
        if score is not None and metric is not None and not metric.model_fields_set and not 0 <= score <= 1:
            raise ValueError("expected an accuracy, 0 to 1 (of what else it is a score, 'metric' says)")
        return score

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch_size == []:
            raise ValueError("batch_size: a list needs at least one batch size")
        if self.checkpoint_interval is not None and self.pbt.enabled:
            raise ValueError("checkpoint_interval needs pbt.enabled = false; under PBT set pbt.perturbation_interval")
        space = domains(self.search_space)
        check_mutated(self.pbt.mutate or (), space)
        check_batch_sizes(space, self.pbt.settings())
        if BATCH_SIZE in space and self.batch_size != ExperimentTable.model_fields["batch_size"].default:
            raise ValueError("batch_size: search_space.batch_size says it, too: leave one of them out")
        return self

    def names(self) -> list[str]:
        return [self.name] if self.count == 1 else [f"{self.name}{number}" for number in range(self.count)]

    def batch_sizes(self) -> tuple[int, ...]:
        """The batch sizes that its trials may have."""
        space = domains(self.search_space)
        if BATCH_SIZE in space:
            return batch_sizes_of(space[BATCH_SIZE])
        return tuple(self.batch_size) if isinstance(self.batch_size, list) else (self.batch_size,)

    def experiments(self) -> list[Experiment]:
        return [
            Experiment(
                id=ExperimentId(name),
                model=self.model,
                dataset=self.dataset,
                batch_sizes=self.batch_sizes(),
                population=self.population,
                stop_iterations=self.stop_iterations,
                stop_score=self.stop_score,
                pbt=self.pbt.settings(),
                search_space=domains(self.search_space),
                arrival_s=self.arrival_s,
                evaluation_images=self.evaluation_images,
                train_images=self.train_images,
                devices=tuple(self.devices) if self.devices is not None else None,
                gang=self.gang,
                checkpoint_interval=self.checkpoint_interval,
                metric=Metric(self.metric.name, self.metric.mode),
            )
            for name in self.names()
        ]


class PoissonTable(Table):
    """Experiments arrive one after the other, with exponential gaps of this mean; the first one at 0."""

    mean_gap_s: Annotated[float, Field(gt=0, le=1e9)]
    seed: int = Field(default=0, ge=0)


class BurstsTable(Table):
    """Experiments arrive `size` at a time, the first burst at 0; see `hetsched.scenario.arrivals`."""

    size: Count
    gap_s: Annotated[float, Field(gt=0, le=1e9)]
    gaps: Literal["exponential", "fixed"] = "exponential"
    spread_s: Seconds = 0.0
    seed: int = Field(default=0, ge=0)


class WorkloadTable(Table):
    """Experiments, or a `trace` (a file relative to the scenario), or both.

    With `poisson` or `bursts`, the experiments that are listed here arrive in their order, at random. The format of a
    trace is told by its columns, unless `trace_format` says it. `unfit` is the rule for jobs of it that do not fit.
    """

    experiments: list[ExperimentTable] = Field(default=[])
    trace: str | None = None
    trace_format: TraceFormat | None = None
    trace_models: TraceModelsTable | None = None
    unfit: Unfit | None = None
    poisson: PoissonTable | None = None
    bursts: BurstsTable | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_clusters_log_has_a_rule(cls, table: Any) -> Any:
        """So that a saved scenario has it; one without a log has nothing of it, and stays what it is for the suite."""
        is_of_a_log = isinstance(table, dict) and table.get("trace_models") is not None
        return {**table, "unfit": table.get("unfit") or {}} if is_of_a_log else table

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
        of_traces: tuple[tuple[str, object], ...] = (
            ("trace_format", self.trace_format),
            ("trace_models", self.trace_models),
            ("unfit", self.unfit),
        )
        for name, value in of_traces:
            if value is not None and self.trace is None:
                raise ValueError(f"{name} is for a trace, and there is none: name its file in 'trace'")
        return self

    @property
    def of_trace(self) -> tuple[str | None, TraceFormat | None, TraceModelsTable | None, Unfit | None]:
        """What decides which jobs are read."""
        return self.trace, self.trace_format, self.trace_models, self.unfit

    def workload(self, jobs: Iterable[Experiment]) -> Workload:
        """The listed experiments and the jobs of the trace, in the order of their arrival.

        Raises InputError if two have one name.
        """
        jobs = list(jobs)
        experiments, of_trace = self.listed_experiments(), {job.id for job in jobs}
        for experiment in experiments:
            if experiment.id in of_trace:
                raise InputError(f"the trace has a job called {experiment.id!r}, and so is an experiment: rename it")
        return Workload(tuple(sorted(experiments + jobs, key=lambda experiment: experiment.arrival_s)))

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

    def read_trace(self, folder: Path, times: StepTimes, cluster: ClusterSpec) -> Trace:
        """What the trace has, if there is one. Raises InputError if it cannot be read."""
        if self.trace is None:
            return Trace()
        path, models = folder / self.trace, self.trace_models
        trace_format = self.trace_format or format_of(path)
        dealing = None if models is None else models.dealing()
        rule, space = self.unfit or Unfit(), domains(HRFS_SEARCH_SPACE)
        return read_trace(path, trace_format, dealing, rule, times, gpus_of(cluster), space)
