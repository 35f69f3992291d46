"""The tables of the workload, and the experiments that they describe."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, ValidationInfo, field_validator, model_validator

from hetsched.domain.cluster import ClusterSpec
from hetsched.domain.metric import DEFAULT, METRIC_NAME, Metric, Mode
from hetsched.domain.profiles import DATASET, StepTimes
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
from hetsched.errors import InputError
from hetsched.scenario.arrivals import arrive_at_random, arrive_in_bursts
from hetsched.scenario.search_space import (
    HRFS_SEARCH_SPACE,
    SearchSpace,
    check_batch_sizes,
    check_mutated,
    check_values_of_sgd,
    domains,
)
from hetsched.scenario.tables import Count, Factor, Fraction, Many, Name, Score, Seconds, Seed, Table
from hetsched.scenario.trace_tables import TraceModelsTable
from hetsched.scenario.traces.fitting import gpus_of
from hetsched.scenario.traces.formats import TraceFormat, format_of
from hetsched.scenario.traces.reading import Reading
from hetsched.scenario.traces.trace import Trace, read_trace
from hetsched.scenario.traces.unfit import Unfit


class MetricTable(Table):
    """What trials are ranked by: the number that evaluations report under `name`.

    With `mode` max the larger number is better, with min the smaller one.
    """

    name: Annotated[str, Field(pattern=METRIC_NAME, max_length=60)] = DEFAULT.name
    """Name under which evaluations report the metric."""
    mode: Mode = DEFAULT.mode
    """Whether the larger or the smaller score is better. It is needed with a `name` of one's
    own."""

    @model_validator(mode="after")
    def _says_which_is_better(self) -> Self:
        if self.name != DEFAULT.name and "mode" not in self.model_fields_set:
            raise ValueError(f"mode is missing: say 'max' if the larger {self.name} is better, 'min' if the smaller is")
        if self.mode != DEFAULT.mode and "name" not in self.model_fields_set:
            raise ValueError(f"name is missing: without it the metric is {DEFAULT.name}, of which the larger is better")
        return self


class PBTTable(Table):
    """Population-Based Training, with Ray Tune's defaults; the interval is in iterations.

    `hetsched.domain.workload.PBT` has the settings that follow from it.
    """

    enabled: bool = True
    """Whether trials copy each other; else they are independent."""
    perturbation_interval: Count = 50
    """Iterations between two decisions of PBT on a trial."""
    quantile_fraction: float = Field(default=0.25, ge=0, le=0.5)
    """Part of the population that copies, and part that is copied."""
    resample_probability: Fraction = 0.25
    """Probability that a hyperparameter is drawn anew; else it is multiplied."""
    perturbation_factors: tuple[Factor, Factor] = Field(default=(1.2, 0.8), strict=False)
    """Factors of which one multiplies a hyperparameter."""
    bounds: Bounds = "range"
    """Whether a factor may take a value out of its range (`ray`) or not (`range`)."""
    mutate: list[str] | None = Field(default=None, examples=[["lr"]])
    """Hyperparameters that change. Without it, all that vary."""
    explore: Name | None = Field(default=None, examples=["halve-large-rates"])
    """Function of a policy file that has the last word on new hyperparameters."""
    iterations: Iterations = "own"
    """Whether a copy keeps its own count of iterations, or goes on with the count of its source
    (`lineage`)."""

    def settings(self) -> PBT | None:
        if not self.enabled:
            return None
        mutate = None if self.mutate is None else tuple(self.mutate)
        return PBT(**self.model_dump(exclude={"enabled", "mutate"}), mutate=mutate)


class ExperimentTable(Table):
    """A population of trials with its stop rule. With `count`, that many such experiments, numbered
    from 0."""

    name: Name
    """Name of the experiment; with `count`, numbers follow it."""
    model: str = "resnet18"
    """Network that is trained."""
    dataset: str = DATASET
    """Data set."""
    batch_size: Count | list[Count] = 512
    """Images per iteration; several are dealt to the trials in turn."""
    population: Many = 20
    """How many trials there are."""
    stop_iterations: Count = 1000
    """Number of iterations after which a trial stops."""
    metric: MetricTable = MetricTable()
    """What trials are ranked by."""
    stop_score: Score | None = Field(default=None, validation_alias=AliasChoices("stop_score", "stop_accuracy"))
    """A trial stops when an evaluation reaches this score."""
    arrival_s: Seconds = Field(default=0.0, examples=[600.0])
    """Time at which the experiment arrives."""
    evaluation_images: int = Field(default=10_000, ge=0, le=10**9)
    """Images per evaluation; 0: trials have no scores."""
    train_images: Count | None = None
    """Images of the training set that are used. Without it, all."""
    devices: list[str] | None = Field(default=None, min_length=1, examples=[["v100", "cpu"]])
    """Devices on which trials may run: GPU types, or cpu. Without it, any."""
    gang: Many = Field(default=1, examples=[2])
    """Workers of one type that a trial takes at once."""
    checkpoint_interval: Count | None = Field(default=None, examples=[100])
    """Default iterations of a segment without PBT. Without it, the whole trial."""
    pbt: PBTTable = PBTTable()
    """How trials copy each other."""
    search_space: SearchSpace = HRFS_SEARCH_SPACE
    """Hyperparameters by name: a constant, a range, choices, or a table of hyperparameters."""
    count: Many = Field(default=1, examples=[3])
    """How many such experiments there are."""

    @field_validator("stop_score")
    @classmethod
    def _is_an_accuracy(cls, score: float | None, info: ValidationInfo) -> float | None:
        """Raise ValueError if the score is not from 0 to 1 and the metric is the default one."""
        metric = info.data.get("metric")
        if score is not None and metric is not None and not metric.model_fields_set and not 0 <= score <= 1:
            raise ValueError("expected an accuracy, 0 to 1 (set 'metric' for a score of another metric)")
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
        check_values_of_sgd(space)
        if BATCH_SIZE in space and self.batch_size != ExperimentTable.model_fields["batch_size"].default:
            raise ValueError("batch_size: search_space.batch_size says it, too: leave one of them out")
        return self

    def names(self) -> list[str]:
        return [self.name] if self.count == 1 else [f"{self.name}{number}" for number in range(self.count)]

    def batch_sizes(self) -> tuple[int, ...]:
        """The batch sizes that the experiment's trials may have."""
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
    """Experiments arrive one after the other, with exponential gaps. The first one arrives at 0."""

    mean_gap_s: Annotated[float, Field(gt=0, le=1e9, examples=[600.0])]
    """Mean time between two arrivals."""
    seed: Seed = 0
    """Seed of the arrivals."""


class BurstsTable(Table):
    """Experiments arrive `size` at a time, the first burst at 0. See
    `hetsched.scenario.arrivals`."""

    size: Count = Field(examples=[4])
    """Experiments per burst."""
    gap_s: Annotated[float, Field(gt=0, le=1e9, examples=[3600.0])]
    """Time from the start of a burst to the start of the next; with exponential gaps, its mean."""
    gaps: Literal["exponential", "fixed"] = "exponential"
    """How the gaps are distributed."""
    spread_s: Seconds = Field(default=0.0, examples=[120.0])
    """Experiments of a burst arrive at random within this time after its first."""
    seed: Seed = 0
    """Seed of the arrivals."""


class WorkloadTable(Table):
    """Experiments, or a `trace` (a file relative to the scenario), or both.

    With `poisson` or `bursts`, the experiments that are listed here arrive in their order, at
    random. The columns of a trace decide its format, unless `trace_format` names it. `unfit` is the
    rule for jobs of the trace that do not fit.
    """

    experiments: list[ExperimentTable] = Field(default=[])
    """Experiments that are listed."""
    trace: str | None = None
    """File of jobs, relative to the scenario."""
    trace_format: TraceFormat | None = None
    """Format of the trace. Without it, its columns decide."""
    trace_models: TraceModelsTable | None = None
    """What the log of a cluster does not say."""
    trace_notes: list[str] | None = Field(default=None, examples=[["what its jobs train: dealt by lot"]])
    """What the jobs of a results folder's trace were made from. Studies print it."""
    unfit: Unfit | None = None
    """The rule for jobs of the trace that do not fit."""
    poisson: PoissonTable | None = None
    """Listed experiments arrive as a Poisson process."""
    bursts: BurstsTable | None = None
    """Listed experiments arrive in bursts."""

    @model_validator(mode="before")
    @classmethod
    def _a_clusters_log_has_a_rule(cls, table: Any) -> Any:
        """Write the default rule into a scenario with the log of a cluster, so that a saved
        scenario has the rule.

        Other scenarios do not change, so the suite's scenarios stay what they are.
        """
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
            ("trace_notes", self.trace_notes),
            ("unfit", self.unfit),
        )
        for name, value in of_traces:
            if value is not None and self.trace is None:
                raise ValueError(f"{name} is for a trace, and there is none: name its file in 'trace'")
        return self

    @property
    def of_trace(self) -> tuple[str | None, TraceFormat | None, TraceModelsTable | None, Unfit | None]:
        """The values that decide which jobs are read: the trace, its format, its models, and the
        rule."""
        return self.trace, self.trace_format, self.trace_models, self.unfit

    def notes(self, reading: Reading | None) -> list[str]:
        """What the jobs of the trace were made from, and how they were read, a line each."""
        dealt = [] if self.trace_models is None else [self.trace_models.dealing().words()]
        return [*(self.trace_notes or ()), *dealt, *(() if reading is None else reading.lines())]

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
        """The trace of the workload, empty without one. Raises InputError if the trace cannot be
        read."""
        if self.trace is None:
            return Trace()
        path, models = folder / self.trace, self.trace_models
        trace_format = self.trace_format or format_of(path)
        dealing = None if models is None else models.dealing()
        rule, space = self.unfit or Unfit(), domains(HRFS_SEARCH_SPACE)
        return read_trace(path, trace_format, dealing, rule, times, gpus_of(cluster), space)
