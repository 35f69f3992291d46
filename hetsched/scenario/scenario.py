"""A scenario as it is written, and as it is resolved. The resolved value has the content of all its
files. Each message about a problem is one line. It names the file, the key, what was expected, and
the nearest right spelling of a name."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import tomli_w
from msgspec.structs import replace
from pydantic import ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from hetsched import allocation, scheduling
from hetsched.allocation.fits import check_allocation, no_workers
from hetsched.allocation.policy import AllocationPolicy
from hetsched.core.decisions import SchedulingPolicy
from hetsched.domain import learning
from hetsched.domain.cluster import CPU, NodeId, Worker
from hetsched.domain.learning import LearningModel
from hetsched.domain.prediction import Prediction
from hetsched.domain.problem import Problem
from hetsched.domain.profiles import DATASET, OWN, StepTimes
from hetsched.domain.registry import Registry, Strategy
from hetsched.domain.training_class import TrainingSource
from hetsched.domain.user_files import registered_again
from hetsched.domain.workload import Experiment
from hetsched.errors import RAISED, InputError, PolicyError, nearest, where
from hetsched.scenario.explaining import explain_all
from hetsched.scenario.learning_metrics import check_metrics
from hetsched.scenario.node_checks import check_budget, check_faulty_nodes
from hetsched.scenario.option_files import copy_option_files, create
from hetsched.scenario.part_names import check_parts
from hetsched.scenario.policy_files import POLICIES, TRAINING, copy_files, load_files, policies_of
from hetsched.scenario.profile_files import read_sources, write_profile
from hetsched.scenario.scenario_tables import ScenarioTables
from hetsched.scenario.search_space import OF_SGD_CURVES, check_sgd, domains
from hetsched.scenario.tables import PolicyOptions
from hetsched.scenario.traces.reading import Reading
from hetsched.scenario.traces.saving import save_trace
from hetsched.scenario.training_table import with_training_defaults
from hetsched.scenario.whole_file import write_whole
from hetsched.scenario.written_by import signed

SCENARIO_NAME = "scenario.toml"
"""The file of a saved scenario."""


class Scenario(ScenarioTables):
    """A cluster, a workload, a profile and what to compare.

    `load` reads a scenario from a file. Python may also make one. The arguments are then the tables
    of the file as dictionaries, and paths are relative to the current folder (`Scenario.of` takes
    another folder). `resolve` reads the files that the scenario names. Raises InputError, with one
    line per problem, if the scenario is wrong.
    """

    if TYPE_CHECKING:  # pydantic turns dictionaries into tables

        def __init__(self, **tables: Any) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _training_says_what_experiments_need_not(cls, tables: Any) -> Any:
        return with_training_defaults(tables) if isinstance(tables, Mapping) else tables

    @model_validator(mode="after")
    def _devices_are_there(self) -> Self:
        known = {CPU}.union(*(node.gpu_types for node in self.cluster.nodes))
        for experiment in self.workload.experiments:
            for device in experiment.devices or ():
                if device not in known:
                    raise ValueError(
                        f"workload.experiments.{experiment.name}.devices: the cluster has no {device!r}: "
                        f"{nearest(device, known)}"
                    )
        return self

    @model_validator(mode="after")
    def _nodes_are_there_and_paid(self) -> Self:
        check_faulty_nodes(self.cluster, self.faults)
        check_budget(self.cluster, self.metrics)
        return self

    @model_validator(mode="after")
    def _target_is_a_score(self) -> Self:
        target, metrics = self.metrics.target_score, [experiment.metric for experiment in self.workload.experiments]
        names = list(dict.fromkeys(f"{metric.name} ({metric.mode})" for metric in metrics))
        if target is not None and len(names) > 1:
            raise ValueError(
                f"metrics.target_score: the experiments have different metrics, {', '.join(names)}: leave it out, and "
                "give each its stop_score"
            )
        if target is not None and not any(metric.model_fields_set for metric in metrics) and not 0 < target <= 1:
            raise ValueError(f"metrics.target_score: expected an accuracy, above 0 and at most 1, got {target:g}")
        return self

    @model_validator(mode="after")
    def _curves_know_what_they_need(self) -> Self:
        if self.learning.model in OF_SGD_CURVES:
            for experiment in self.workload.experiments:
                try:
                    check_sgd(domains(experiment.search_space), f"the learning model {self.learning.model!r}")
                except ValueError as error:
                    raise ValueError(f"workload.experiments.{experiment.name}.{error}") from error
        return self

    @model_validator(mode="wrap")  # comes last, because it wraps the validators before it
    @classmethod
    def _said_in_words(cls, tables: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Raise InputError, with one line per problem, where pydantic would raise ValidationError."""
        try:
            return handler(tables)
        except ValidationError as error:
            raise InputError(explain_all(cls, error.errors(), tables)) from error

    _folder: Path = PrivateAttr(default=Path())

    @classmethod
    def of(cls, tables: Mapping[str, Any], folder: Path = Path()) -> Self:
        """The scenario of these tables. The files that it names are relative to the folder. Raises
        InputError, with one line per problem, if the tables are wrong."""
        return cls.model_validate(tables, context=folder)

    def model_post_init(self, context: Path | None, /) -> None:
        if context is not None:
            self._folder = context

    def path(self, name: str) -> Path:
        """The path of a file that the scenario names."""
        return self._folder / name

    @property
    def policy_paths(self) -> list[Path]:
        """The files of policies that the scenario names."""
        return [self.path(name) for name in self.policy_files]

    def with_whole_paths(self) -> Self:
        """A copy whose files are found from any current folder."""
        copy = self.model_copy()
        copy._folder = self._folder.resolve()
        return copy

    def load_policies(self) -> None:
        """Run the files of `policy_files`, which registers their policies also for other scenarios.
        A policy replaces another file's policy of its name. Raises InputError if a file cannot be
        run."""
        load_files(self.policy_paths)

    @property
    def training_source(self) -> TrainingSource | None:
        """The source of the training's class. None: the scenario has no training of its own. Raises
        InputError, naming the key, if the file of the class cannot be read."""
        return None if self.training is None else self.training.source(self._folder)

    @property
    def dataset_of_rows(self) -> str:
        """The data set of a profile's row that names none. With a training of one's own, it is the
        data set of the experiments, if they have one in common."""
        named = {experiment.dataset for experiment in self.workload.experiments}
        if self.training is None:
            return DATASET
        return named.pop() if len(named) == 1 else OWN

    @property
    def batch_size_of_rows(self) -> int | None:
        """The batch size of a profile's row that names none: with a training of one's own, the only
        batch size of the experiments. None: such a row is refused."""
        if self.training is None:
            return None
        of_all = {
            size for table in self.workload.experiments for each in table.experiments() for size in each.batch_sizes
        }
        return of_all.pop() if len(of_all) == 1 else None

    def resolve(self) -> "Setup":
        """Run the policy files, and read the profile and the trace. Raises InputError, naming the
        key, if a file cannot be read, or if options are of no policy."""
        with policies_of(self.policy_paths, again=True):
            _ = self.training_source
            check_parts(self, self.path)
            return self.read()

    def read(self) -> "Setup":
        """Read the profile and the trace. The policy files are not run. Raises InputError, naming
        the key, if a file cannot be read."""
        try:
            rows = read_sources(self.profile.sources, self._folder, self.dataset_of_rows, self.batch_size_of_rows)
        except InputError as error:
            raise InputError(f"profile.sources: {error}") from error
        times = StepTimes(rows, extrapolate=self.profile.extrapolate)
        try:
            trace = self.workload.read_trace(self._folder, times, self.cluster.cluster(self.real.time_scale))
            return Setup.of(self, times, trace.jobs, reading=trace.reading)
        except InputError as error:
            raise InputError(f"workload.trace: {error}") from error

    def scheduling_policy(self, strategy: Strategy) -> SchedulingPolicy:
        """A new scheduling policy of the strategy, with the scenario's options for it. The
        scenario's deadline and budget are further options, if the policy has options of these
        names."""
        name, known = strategy.scheduling, scheduling.policies
        with registered_again(self.policy_paths):
            limits = {option: limit for option, limit in self.metrics.limits.items() if known.takes(name, option)}
            return create(known, name, limits | self.scheduling.get(name, {}), self.path)

    def allocation_policy(self, strategy: Strategy) -> AllocationPolicy:
        """A new allocation policy of the strategy, with the scenario's options for it."""
        with registered_again(self.policy_paths):
            return create(allocation.policies, name := strategy.allocation, self.allocation.get(name, {}), self.path)

    def learning_model(self) -> LearningModel:
        """The learning-curve model. Raises InputError if no model has that name, and if an option
        is wrong."""
        with registered_again(self.policy_paths):
            return create(learning.models, self.learning.model, self.learning.options, self.path)

    def to_toml(self) -> str:
        """The scenario as TOML, with every default written out."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))

    def replace(self, **changes: Any) -> "Scenario":
        """A copy with some top-level values changed. A value is a table, or a dictionary with all
        keys of a table. Raises InputError, with one line per problem, if a change is wrong."""
        kept = {key: getattr(self, key) for key in self.model_fields_set - changes.keys()}
        return self.of(kept | changes, self._folder)


class Setup(Problem, frozen=True, kw_only=True):
    """A scenario with the content of all files that it names. Every backend, study and report takes
    a setup.

    `charged_times` is the profile without the costs that `[overheads]` leaves out. The simulator
    charges these times, and policies expect them. `jobs` are the jobs of the trace. `reading` says
    what was left out of the trace. `synthetic`: some experiment trains on synthetic data in the
    place of a real data set. `frozen_workers` has, by allocation policy, the workers that the
    policy has made before. `prediction` is a plan's prediction of the next run, which the run
    writes into its log. `population_seed` draws the first hyperparameters of all trials in
    simulation (None: the run's own seed does).
    """

    scenario: Scenario
    charged_times: StepTimes
    jobs: tuple[Experiment, ...]
    paced: bool
    synthetic: bool
    frozen_workers: Mapping[str, tuple[Worker, ...]]
    prediction: Prediction | None = None
    reading: Reading | None = None
    population_seed: int | None = None

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        times: StepTimes,
        jobs: Iterable[Experiment] = (),
        frozen_workers: Mapping[str, tuple[Worker, ...]] = MappingProxyType({}),
        reading: Reading | None = None,
    ) -> Self:
        """The setup of a scenario, a profile, and the jobs of a trace. Raises InputError if a job
        and an experiment have one name."""
        jobs, charged = tuple(jobs), scenario.overheads.charged(times)
        workload = scenario.workload.workload(jobs)
        return cls(
            scenario=scenario,
            cluster=scenario.cluster.cluster(scenario.real.time_scale, scenario.faults.spot),
            workload=workload,
            times=times,
            charged_times=charged,
            costs=scenario.overheads.segment_costs(charged, workload, scenario.checkpoints),
            target_score=scenario.metrics.target_score,
            deadline_s=scenario.metrics.deadline_s,
            budget=scenario.metrics.budget,
            late_s={NodeId(node): after_s for node, after_s in scenario.faults.late.items()},
            jobs=jobs,
            paced=any(node.pace for node in scenario.cluster.nodes),
            synthetic=any(experiment.dataset == "synthetic" for experiment in workload.experiments),
            frozen_workers=dict(frozen_workers),
            reading=reading,
        )

    def learning_model(self) -> LearningModel:
        """The learning-curve model. Raises InputError if no model has that name, if an option is
        wrong, and if the model cannot predict the metric of an experiment."""
        model = self.scenario.learning_model()
        check_metrics(self.scenario.learning.model, model, self.workload.experiments)
        return model

    def workers(self, strategy: Strategy) -> list[Worker]:
        """The workers that the strategy's allocation policy makes. Raises PolicyError, naming the
        policy, if its workers are impossible or if it raises an error. Raises InputError if the
        policy says that cluster, workload or profile do not suit it."""
        if strategy.allocation in self.frozen_workers:
            return list(self.frozen_workers[strategy.allocation])
        policy = self.scenario.allocation_policy(strategy)
        try:
            returned = policy.workers(self.cluster, self.workload, self.times)
            workers = list(returned) if isinstance(returned, Iterable) else None
        except InputError:
            raise
        except RAISED as error:
            name = f"allocation policy {strategy.allocation!r}"
            raise PolicyError(f"{name} raised {type(error).__name__}{where(error)}: {error}") from error
        if workers is None:
            raise PolicyError(f"allocation policy {strategy.allocation!r}: {no_workers(returned)}")
        return check_allocation(strategy.allocation, self.cluster, workers)

    def replace(self, **changes: Any) -> "Setup":
        """A setup with some top-level values of the scenario changed. See `Scenario.replace`.
        Profile and trace stay as they were read. Raises InputError if a change asks for another
        profile or trace, or has options of no policy."""
        scenario = self.scenario.replace(**changes)
        if not changes.keys().isdisjoint(("allocation", "scheduling")):
            with registered_again(scenario.policy_paths):
                check_parts(scenario, scenario.path)
        for key, before, after in (
            ("profile", self.scenario.profile, scenario.profile),
            ("workload.trace", self.scenario.workload.of_trace, scenario.workload.of_trace),
        ):
            if after != before:
                raise InputError(
                    f"{key}: was read already and stays as it was read: change the scenario and resolve that, such as "
                    "setup.scenario.replace(...).resolve()"
                )
        made = Setup.of(scenario, self.times, self.jobs, reading=self.reading)
        alike = (made.cluster, scenario.allocation) == (self.cluster, self.scenario.allocation)
        return replace(made, frozen_workers=self.frozen_workers) if alike else made

    def replace_times(self, times: StepTimes) -> "Setup":
        """A setup with `times` in the place of the profile. The jobs of the trace stay as they were
        dealt."""
        return Setup.of(self.scenario, times, self.jobs, self.frozen_workers, self.reading)

    def freeze_workers(self, strategies: Iterable[Strategy]) -> "Setup":
        """A setup that keeps the workers that these strategies' allocation policies make now. Other
        step times and another workload do not change these workers. Another cluster and other
        options of allocation policies change them."""
        return replace(self, frozen_workers={one.allocation: tuple(self.workers(one)) for one in strategies})

    def with_prediction(self, prediction: Prediction | None) -> "Setup":
        """A setup with a plan's prediction of the next run."""
        return replace(self, prediction=prediction)

    @property
    def policy_files(self) -> list[Path]:
        """The files of policies that the scenario names."""
        return self.scenario.policy_paths

    def with_policy_files(self, files: Iterable[Path | str]) -> "Setup":
        """A setup with these files of policies beside those that the scenario names. Raises
        InputError if a file does not exist."""
        given = [Path(file).resolve() for file in files]
        for file in given:
            if not file.is_file():
                raise InputError(f"policy_files: {file}: no such file")
        known = {path.resolve() for path in self.policy_files}
        more = [path for path in dict.fromkeys(given) if path not in known]
        return self.replace(policy_files=[*self.scenario.policy_files, *map(str, more)]) if more else self

    def save(self, folder: Path) -> None:
        """Write all that another run needs into the folder: `scenario.toml` with every default,
        `profile.csv`, and copies of the trace, of the policy files, of the training's file, and of
        the files that options name. Data and models of a real run are not copied."""
        folder.mkdir(parents=True, exist_ok=True)
        scenario, sources = self.scenario, ["profile.csv"] if self.times.rows else []
        if sources:
            write_profile(folder / "profile.csv", self.times.rows)
        complete = scenario.replace(profile=scenario.profile.model_copy(update={"sources": sources}))
        if (workload := scenario.workload).trace is not None:
            dealt = self.jobs if workload.trace_models else None
            saved = save_trace(folder, scenario.path(workload.trace), dealt, workload.notes(self.reading))
            complete = complete.replace(workload=workload.model_copy(update=saved))
        complete = complete.replace(policy_files=copy_files(self.policy_files, folder, POLICIES))
        if (training := scenario.training) is not None and (source := scenario.training_source) and source.file:
            [copy] = copy_files([Path(source.file)], folder, TRAINING)
            table = training.model_copy(update={"class_name": f"{copy}:{source.class_name}"})
            complete = complete.replace(training=table)
        tables: list[tuple[Registry[Any], PolicyOptions]] = [
            (allocation.policies, scenario.allocation),
            (scheduling.policies, scenario.scheduling),
            (learning.models, {scenario.learning.model: scenario.learning.options}),
        ]
        with registered_again(self.policy_files):
            placing, dispatching, learnt = copy_option_files(tables, scenario.path, folder)
        curve = scenario.learning.model_copy(update={"options": learnt[scenario.learning.model]})
        complete = complete.replace(allocation=placing, scheduling=dispatching, learning=curve)
        complete = complete.replace(real=scenario.real.with_whole_paths(scenario.path))
        write_whole(folder / SCENARIO_NAME, signed(complete.to_toml()).encode())


def resolved(scenario: Scenario | Setup) -> Setup:
    """The setup of a scenario, or the setup itself. Raises InputError if it is neither."""
    if isinstance(scenario, Setup):
        return scenario
    if isinstance(scenario, Scenario):
        return scenario.resolve()
    hint = f": load_scenario({str(scenario)!r}) reads one" if isinstance(scenario, (str, PathLike)) else ""
    raise InputError(f"scenario: expected a Scenario, found {scenario!r}{hint}")
