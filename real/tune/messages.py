"""The messages between the driver and the actors of workers about a segment."""

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from hetsched.domain.cluster import WorkerId
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.workload import TrialId
from real.checkpoints.snapshot import Copy
from real.cluster.matching import RayNodeId


class Assignment(Struct, frozen=True):
    """One segment that an actor is to train.

    The trial's state comes from `restore` (None: fresh weights) and goes to `save`. `total` is the
    trial's iterations after the segment. `copy` is the copy of `restore` in an object store. The
    result repeats `attempt`.
    """

    trial: TrialId
    batch_size: int
    hyperparameters: Hyperparameters
    seed: int
    iterations: int
    total: int
    restore: Path | None
    save: Path
    copy: Copy | None
    attempt: int


class SegmentResult(Struct, frozen=True):
    """What an actor reports at the end of a segment: its evaluation's results by name (None: not a
    number), and the seconds of each part.

    `worker` and `ray_node` say where the actor is. `hand_over_s` is for the state before this
    segment. `late_s` are the seconds of training beyond what the worker's pace asks for.
    """

    worker: WorkerId
    ray_node: RayNodeId
    attempt: int
    metrics: dict[str, float | None]
    restore_s: float
    train_s: float
    evaluate_s: float
    checkpoint_s: float
    hand_over_s: float
    late_s: float = 0.0


class What(StrEnum):
    """What broke when a segment failed."""

    TRAINING = "training"
    CHECKPOINT = "checkpoint"  # the file from which the trial goes on cannot be used
    ACTOR = "actor"  # the actor died
    CONNECTION = "connection"  # nobody reports what became of the actor


class Failure(Struct, frozen=True):
    """Why a segment failed: `reason` is the cause in one line."""

    what: What
    cause: Exception
    reason: str


class Next(StrEnum):
    """What a trial's actor does after a result."""

    GOES_ON = "goes on"  # it trains the next segment of the same trial, which is already assigned
    WAITS = "waits"  # the trial waits, the actor is free
    COMPLETED = "completed"  # the trial is completed, the actor is free
    IGNORED = "ignored"  # the result belongs to no running segment
