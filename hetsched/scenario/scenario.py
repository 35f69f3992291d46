"""Scenarios: the TOML file <-> validated objects.

Every problem in a file is one line that names the file, the key, what was expected and, for a name, the
nearest right spelling.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import Field, PrivateAttr, model_validator

from hetsched import allocation, scheduling
from hetsched.allocation.fits import check_allocation
from hetsched.core.decisions import SchedulingPolicy
from hetsched.domain import learning
from hetsched.domain.cluster import CPU, ClusterSpec, Node, NodeId, Worker, WorkerType
from hetsched.domain.learning import LearningModel
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment, TrialKind, Workload
from hetsched.errors import InputError, PolicyError, nearest
from hetsched.scenario.job_traces import write_jobs
from hetsched.scenario.profile_files import _read_source, write_profile
from hetsched.scenario.tables import (
    CheckpointsTable,
    ClusterTable,
    Count,
    FaultsTable,
    LearningTable,
    MetricsTable,
    Name,
    OverheadsTable,
    PolicyOptions,
    ProfileTable,
    RealTable,
    WorkloadTable,
    _Table,
)


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
