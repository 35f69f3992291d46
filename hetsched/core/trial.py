"""A trial as it stands, and what workers have trained of it."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from hetsched.core.events import SegmentStarted
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind


class Status(StrEnum):
    READY = "ready"
    RUNNING = "running"
    COMPLETED = "completed"


class Trial(Struct, frozen=True, gc=False):
    """One member of a population.

    `index` counts trials in the order in which they were added. `iterations` counts what the trial has
    trained itself: taking over another's weights does not change it. `at` is the worker on which
    it trained last, None if its state is nowhere but in its checkpoint. `score` is that of its weights.
    """

    id: TrialId
    index: int
    experiment: ExperimentId
    kind: TrialKind
    hyperparameters: Mapping[str, Any]
    arrived: float
    iterations: int = 0
    score: float | None = None
    best_score: float | None = None
    at: WorkerId | None = None
    exploits: int = 0
    completed: float | None = None


Segment = SegmentStarted
"""A segment that is running is known by the event of its start."""


def status_of(trial: Trial, running: Collection[TrialId]) -> Status:
    """What a trial is doing, given which ones run."""
    if trial.completed is not None:
        return Status.COMPLETED
    return Status.RUNNING if trial.id in running else Status.READY


class Timing(Struct, frozen=True, gc=False):
    """How many seconds so many iterations took."""

    iterations: int
    seconds: float


Work = tuple[TrialKind, int]
"""A kind of trial, and how many workers train one together: what decides the step time on workers of one type."""


class Trained(Struct, gc=False):
    """How many iterations were trained so far, and the seconds that they took.

    `beside_s` are what the `segments` took beside start-up, restore, training and evaluation. `restore_s` are what the
    `restores` among them took before they trained.
    """

    iterations: int = 0
    seconds: float = 0.0
    segments: int = 0
    beside_s: float = 0.0
    restores: int = 0
    restore_s: float = 0.0
