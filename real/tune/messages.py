"""What the driver and the actors of workers tell each other about a segment."""

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

    The trial's state comes from `restore` (None: fresh weights) and goes to `save`. `total` is how many iterations the
    trial will have done then. `copy` is what an object store has of `restore`. The result repeats `attempt`.
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
    """What an actor reports at the end of a segment: what its evaluation reported, by name (None: not a number),
    and how many seconds each part took.

    `worker` and `ray_node` are those that the actor has. `hand_over_s` is of the state before this segment. `late_s`
    are the seconds of training beyond what the worker's pace asks.
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
    """What failed when a segment failed."""

    TRAINING = "training"
    CHECKPOINT = "checkpoint"  # the file that the trial goes on from cannot be used
    ACTOR = "actor"  # the actor died
    CONNECTION = "connection"  # nobody tells what became of the actor


class Failure(Struct, frozen=True):
    """Why a segment failed: `reason` is the cause in one line."""

    what: What
    cause: Exception
    reason: str


class Next(StrEnum):
    """What becomes of a trial's actor after a result."""

    GOES_ON = "goes on"  # it trains the next segment of the same trial, which is assigned already
    WAITS = "waits"  # the trial waits, the actor is free
    COMPLETED = "completed"  # the trial is completed, the actor is free
    IGNORED = "ignored"  # the result is of no segment that runs
