"""The tables of a scenario file except cluster and workload: profile, costs, checkpoints, faults,
real runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from hetsched.argument_types import MOST_SEED
from hetsched.domain.names import without_control
from hetsched.domain.profiles import MOST_CV, MOST_FACTOR, MOST_S, StepTimes
from hetsched.domain.registry import NAME
from hetsched.domain.segment_costs import SegmentCosts
from hetsched.domain.workload import Place, SpeedUp, Workload

# Limits that no training reaches. Sums of values within the limits do not overflow.
Seconds = Annotated[float, Field(ge=0, le=MOST_S)]


Factor = Annotated[float, Field(ge=1e-6, le=MOST_FACTOR)]


Fraction = Annotated[float, Field(ge=0, le=1)]


Count = Annotated[int, Field(ge=1, le=10**9)]


Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]


Many = Annotated[int, Field(ge=1, le=10**6)]
"""The number of things that are made one by one: nodes, experiments, trials."""


Score = Annotated[float, Field(ge=-1e300, le=1e300)]


Price = Annotated[float, Field(ge=0, le=1e9)]


Name = Annotated[str, Field(pattern=NAME, max_length=100)]  # it is part of the names of folders


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _has_no_control_characters(cls, value: Any) -> Any:
        return without_control(value)

    def __setattr__(self, name: str, value: object) -> None:
        """Raise TypeError, because a scenario does not change. Private attributes may be set."""
        if not name.startswith("_"):
            raise TypeError(
                f"{type(self).__name__}.{name} = {value!r}: a scenario does not change; make another, such as "
                "Scenario(**scenario.model_dump() | {'seeds': 20})"
            )
        super().__setattr__(name, value)


class ProfileTable(Table):
    """Where step times come from: shipped profiles by name, or CSV files relative to the scenario.

    Without a source no step time is known. A real run needs none, and a plan measures them.
    """

    sources: list[str] = Field(default=[])
    """Shipped profiles by name, or CSV files. Without one, a plan measures and a run learns."""
    extrapolate: bool = False
    """Whether step times are continued beyond the batch sizes and cores that were measured."""


Cv = Annotated[float, Field(gt=0, le=MOST_CV)]
"""A coefficient of variation: standard deviation / mean."""

WorkerVariation = Literal["pai"] | Cv


class OverheadsTable(Table):
    """What the simulator charges beside training.

    With `device_cv` or `worker_variation`, workers of one type have different speeds. See
    `sim.variation`.
    """

    start_up: bool = True
    """Whether the start of a trial's process is charged."""
    restore: bool = True
    """Whether reading a checkpoint is charged."""
    evaluation: bool = True
    """Whether evaluations are charged."""
    checkpoint: bool = True
    """Whether writing a checkpoint is charged."""
    noise: bool = True
    """Whether durations vary, by the profile's coefficients of variation."""
    sharing: bool = True
    """Whether trials on one node slow each other down."""
    dispatch_s: Seconds = 0.0
    """The driver's time per segment; the driver serves one segment after the other."""
    latency_s: Seconds = 0.0
    """The time of messages between driver and worker per segment; messages of segments overlap."""
    host_cores: Many | None = Field(default=None, examples=[2])
    """The cores of the one host that all nodes are on: workers that start at one time share them.
    Without it, they do not slow each other down."""
    device_cv: Cv | None = Field(default=None, examples=[0.1])
    """Coefficient of variation of the speed of devices of one type, which holds for the whole
    run."""
    worker_variation: WorkerVariation | None = Field(default=None, examples=["pai"])
    """Coefficient of variation of a worker's speed per segment; "pai" draws it from percentiles of
    Alibaba's PAI."""

    @property
    def left_out(self) -> frozenset[str]:
        """The names in a profile of the costs that are not charged."""
        charged = {
            ("start_up_s",): self.start_up,
            ("restore_s", "object_store_restore_s", "checkpoint_bytes"): self.restore,
            ("evaluation_s_per_image",): self.evaluation,
            ("checkpoint_s", "object_store_save_s"): self.checkpoint,
            ("noise_cv", "evaluation_cv", "start_up_cv", "restore_cv", "checkpoint_cv"): self.noise,
            ("sharing",): self.sharing,
        }
        return frozenset(name for names, is_charged in charged.items() if not is_charged for name in names)

    def charged(self, times: StepTimes) -> StepTimes:
        """The profile without the costs that are not charged."""
        return times.without(self.left_out) if self.left_out else times

    def segment_costs(self, charged: StepTimes, workload: Workload, checkpoints: "CheckpointsTable") -> SegmentCosts:
        """The costs of segments beside training, according to the profile `charged`."""
        return SegmentCosts(
            charged,
            workload.experiments,
            in_memory=checkpoints.place != "storage",
            latency_s=self.latency_s,
            dispatch_s=self.dispatch_s,
        )


class LearningTable(Table):
    """The learning-curve model of a simulation, and its options: the arguments of its
    `__init__`."""

    model: Name = "sgd"
    """The learning-curve model of a simulation."""
    options: dict[str, bool | int | float | str] = {}
    """Arguments of the model's `__init__`."""


class CheckpointsTable(Table):
    """Where checkpoints are kept: in storage, in the object stores of the nodes (their memory), or
    in both.

    With both, a segment ends when memory has its checkpoint. Storage has the checkpoint later.
    """

    place: Place = "both"
    """Where checkpoints are kept."""
    network_bytes_per_s: Annotated[float, Field(ge=1, le=1e15)] = 1.25e8
    """Speed at which a simulation moves a checkpoint from node to node; 1 Gb/s by default. With
    other places than `object-store`, nodes restore from storage."""


Mean = Annotated[float, Field(gt=0, le=1e9, examples=[3600.0])]
"""The mean of an exponential time in seconds."""


class FailuresTable(Table):
    """Nodes or workers fail after a mean time of `mean_between_s`, and are back after a mean time
    of `mean_repair_s`."""

    mean_between_s: Mean
    """Mean time between two failures."""
    mean_repair_s: Mean
    """Mean time until a failed one is back."""

    @property
    def times(self) -> tuple[float, float]:
        return self.mean_between_s, self.mean_repair_s


class CrashesTable(Table):
    """A trial crashes after a mean time of `mean_between_s` on workers."""

    mean_between_s: Mean
    """Mean time on workers between two crashes of a trial."""


class StragglersTable(Table):
    """A worker takes `factor` times as long for `mean_duration_s`, every `mean_between_s`, on
    average."""

    mean_between_s: Mean
    """Mean time between two slow periods of a worker."""
    mean_duration_s: Mean
    """Mean length of a slow period."""
    factor: Annotated[float, Field(ge=1, le=1e6, examples=[2.0])]
    """How many times as long an iteration takes in a slow period."""


class SpotTable(Table):
    """Nodes are reclaimed after a notice, and come back later."""

    mean_between_s: Mean
    """Mean time between two reclaims of a node."""
    notice_s: Seconds = 120.0
    """Time from the notice to the reclaim."""
    away_s: Mean | None = Field(default=None, examples=[600.0])
    """Mean time until the node is back. Without it, the node never comes back."""
    nodes: list[str] | None = Field(default=None, min_length=1, examples=[["server"]])
    """Names of the spot nodes. Without it, all nodes are."""

    def has(self, node: str) -> bool:
        """Whether the node of that name is a spot node."""
        return self.nodes is None or node in self.nodes


class PlannedFault(Table):
    """A fault at a given time: a worker's process is killed, or a node leaves and comes back."""

    at_s: Seconds = Field(examples=[30.0])
    """When it happens, from the start of the run."""
    worker: str | None = Field(default=None, examples=["box/cpu0"])
    """The worker whose process is killed; it starts anew."""
    node: str | None = Field(default=None, examples=["box"])
    """The node that leaves."""
    back_s: Seconds | None = Field(default=None, examples=[60.0])
    """When the node is back, from the start of the run; required with `node`."""

    @model_validator(mode="after")
    def _a_worker_or_a_node(self) -> Self:
        if (self.worker is None) == (self.node is None):
            raise ValueError("a planned fault is that of a worker or of a node: give one of worker and node")
        if (self.node is None) != (self.back_s is None):
            raise ValueError("back_s says when a node is back: give it with node, and only there")
        if self.back_s is not None and self.back_s <= self.at_s:
            raise ValueError("back_s is from the start of the run, as at_s is, and later")
        return self


class FaultsTable(Table):
    """What goes wrong in a simulation. See `sim.faults`. Real runs on one machine carry out
    `planned` faults."""

    nodes: FailuresTable | None = None
    """Nodes fail."""
    workers: FailuresTable | None = None
    """Workers fail."""
    trials: CrashesTable | None = None
    """Trials crash."""
    stragglers: StragglersTable | None = None
    """Workers become slow for a while."""
    spot: SpotTable | None = None
    """Nodes are reclaimed."""
    late: dict[str, Seconds] = Field(default={}, examples=[{"box": 600.0}])
    """Nodes by name, and the time after the start at which each joins."""
    planned: list[PlannedFault] = Field(default=[], examples=[[{"worker": "box/cpu0", "at_s": 30.0}]])
    """Faults at times of their own."""


class MetricsTable(Table):
    """What runs are measured against: a target score, a deadline, and a budget.

    The target score is for all experiments (default: each experiment's `stop_score`). The deadline
    is in seconds since the start of the run. The budget is in the currency of the nodes' prices.
    """

    target_score: Score | None = Field(default=None, validation_alias=AliasChoices("target_score", "target_accuracy"))
    """Score for the time to a target. Without it, each experiment's `stop_score` counts."""
    deadline_s: float | None = Field(default=None, gt=0, le=1e9, examples=[1800.0])
    """Deadline, from the start of the run, for the score at a deadline."""
    budget: float | None = Field(default=None, gt=0, le=1e9, examples=[12.5])
    """Budget for the score at a budget, in the currency of the nodes' prices."""

    @property
    def limits(self) -> dict[str, float]:
        """The deadline and the budget that are set, by name. Policies with an option of that name
        receive the value. A whole number is an integer, which an option of either type takes."""
        limits = {"deadline_s": self.deadline_s, "budget": self.budget}
        known = {name: limit for name, limit in limits.items() if limit is not None}
        return {name: int(limit) if limit.is_integer() else limit for name, limit in known.items()}


class RealTable(Table):
    """How a real run is made. Paths are relative to the scenario's file."""

    time_scale: Factor = 1.0
    """Factor on the profile's step times on nodes with a `pace`."""
    data_dir: str | None = Field(default=None, examples=["cifar10"])
    """Folder of the training data. Without it, torchvision downloads the data."""
    model_file: str | None = None
    """Python file that registers models."""
    address: str | None = Field(default=None, examples=["auto"])
    """Address of the Ray cluster. Without it, Ray starts here."""
    report_interval_s: float = Field(default=10.0, gt=0, le=1e9)
    """Time between two samples of what nodes use, and between two lines of progress."""
    tensorboard: bool = False
    """Whether Ray Tune writes files for TensorBoard."""
    augment: bool = False
    """Whether training images are cropped and mirrored at random."""
    speed_ups: list[SpeedUp] = Field(default=[], examples=[["bfloat16"]])
    """Ways to train faster on GPUs."""

    def with_whole_paths(self, find: Callable[[str], Path]) -> Self:
        """A copy with whole paths from `find`, which hold from any folder."""
        paths = {"data_dir": self.data_dir, "model_file": self.model_file}
        whole = {key: str(find(path).resolve()) for key, path in paths.items() if path is not None}
        return self.model_copy(update=whole)


PolicyOptions = dict[str, dict[str, bool | int | float | str]]
"""The options of policies by the policies' names."""
