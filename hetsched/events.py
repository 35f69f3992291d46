"""What can happen in a run, and the log of it: the one source of truth.

A log is a text file of JSON lines, one event a line, in the order of time. State, metrics and reports are
functions of it, whichever backend wrote it. Times are seconds since the start of the run.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec
from msgspec import Struct

from hetsched.cluster import Worker, WorkerId
from hetsched.errors import InputError
from hetsched.workload import Experiment, ExperimentId, Hyperparameters, TrialId


class Event(Struct, frozen=True, tag_field="event", forbid_unknown_fields=True):
    """Something that happened at `time` seconds after the start of the run."""

    time: float


class RunStarted(Event, frozen=True, tag="run-started"):
    scenario: str
    strategy: str
    backend: str
    seed: int
    paced: bool
    synthetic: bool


class WorkerJoined(Event, frozen=True, tag="worker-joined"):
    worker: Worker


class WorkerLeft(Event, frozen=True, tag="worker-left"):
    worker: WorkerId
    reason: str


class ExperimentArrived(Event, frozen=True, tag="experiment-arrived"):
    experiment: Experiment


class TrialAdded(Event, frozen=True, tag="trial-added"):
    trial: TrialId
    experiment: ExperimentId
    batch_size: int
    hyperparameters: Hyperparameters


class SegmentStarted(Event, frozen=True, omit_defaults=True, tag="segment-started"):
    """`others` are the further workers of a gang."""

    trial: TrialId
    worker: WorkerId
    iterations: int
    others: tuple[WorkerId, ...] = ()


class Parts(Struct, frozen=True):
    """Where the seconds of a segment went. `dispatch_s` is what passed between the decision and the
    worker's first own act, and between its last one and the decision after it."""

    start_up_s: float
    restore_s: float
    train_s: float
    evaluate_s: float
    checkpoint_s: float
    dispatch_s: float

    @property
    def total_s(self) -> float:
        return self.start_up_s + self.restore_s + self.train_s + self.evaluate_s + self.checkpoint_s + self.dispatch_s


class SegmentEnded(Event, frozen=True, tag="segment-ended"):
    """A segment was trained, evaluated and checkpointed; `score` is the accuracy in 0..1."""

    trial: TrialId
    worker: WorkerId
    iterations: int
    score: float
    parts: Parts


class SegmentLost(Event, frozen=True, tag="segment-lost"):
    """A segment broke; the trial is as it was before it, at its last checkpoint."""

    trial: TrialId
    worker: WorkerId
    reason: str


class TrialExploited(Event, frozen=True, tag="trial-exploited"):
    """PBT: the trial took over the weights of `source` and goes on with `hyperparameters`."""

    trial: TrialId
    source: TrialId
    hyperparameters: Hyperparameters


class TrialCompleted(Event, frozen=True, tag="trial-completed"):
    trial: TrialId
    reason: str


class PolicyWoken(Event, frozen=True, tag="policy-woken"):
    """The policy is asked again because it wanted to be at this time."""


class RunEnded(Event, frozen=True, tag="run-ended"):
    reason: str


AnyEvent = (
    RunStarted
    | WorkerJoined
    | WorkerLeft
    | ExperimentArrived
    | TrialAdded
    | SegmentStarted
    | SegmentEnded
    | SegmentLost
    | TrialExploited
    | TrialCompleted
    | PolicyWoken
    | RunEnded
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)


class LogWriter:
    """Appends events to a log. After `flush` the operating system has them: they outlive this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] = path.open("ab")

    def write(self, event: Event) -> None:
        self._file.write(_encoder.encode(event) + b"\n")

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "LogWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_log(path: Path) -> Iterator[AnyEvent]:
    """The events of a log. A last line that was cut off (the writer died) is left out.

    Raises InputError naming file and line for anything else that is not an event.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot read the log: {error.strerror}") from error
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield _decoder.decode(line)
        except msgspec.DecodeError as error:
            raise InputError(f"{path}:{number}: not an event of a hetsched log: {error}") from error
