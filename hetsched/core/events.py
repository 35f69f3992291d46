"""What can happen in a run, and the log of it: the one source of truth.

A log is a text file of JSON lines: one event per line, in the order of time. State, metrics and
reports are functions of the log, whichever backend wrote it. Times are seconds since the start of
the run.

A log has one part per driver that carried the run out. The first event of a part is `RunStarted` or
`RunResumed`. It says in which format the driver wrote. docs/decisions/0018-a-log-says-its-format.md
says when the number of the format rises.
"""

from msgspec import Struct

from hetsched.domain.cluster import CPU, NodeId, Worker, WorkerId
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.limits import Amount, Count, Factor, Many, Score, Seconds
from hetsched.domain.workload import Experiment, ExperimentId, TrialId

LOG_VERSION = 5
"""The format in which this hetsched writes logs, and the newest that it reads.

1: without a number. 2: `PolicyAsked` is recorded. 3: a search space says the kind of each
hyperparameter, an experiment its metric, and scores may be unknown. 4: segments have numbers, and
`ResourcesSampled` is recorded. 5: there are packages of segments.
"""

UNNUMBERED = 1
"""The format of a part of a log that has no number."""


SIMULATED = "sim"
"""The backend whose seconds are simulated, not measured by a clock."""


COMPLETED = "completed"
"""The reason with which a run ends that has nothing left to do."""


class Event(Struct, frozen=True, gc=False, tag_field="event", forbid_unknown_fields=True):
    """Something that happened at `time` seconds after the start of the run."""

    time: Amount


class RunStarted(Event, frozen=True, tag="run-started"):
    scenario: str
    strategy: str
    backend: str
    seed: Count
    paced: bool
    synthetic: bool
    log_version: Many = UNNUMBERED


class RunPredicted(Event, frozen=True, omit_defaults=True, tag="run-predicted"):
    """What a plan predicted of this run (see `hetsched.domain.prediction.Prediction`)."""

    strategy: str
    makespan_s: Amount
    interval_s: tuple[Amount, Amount] | None = None


class WorkerJoined(Event, frozen=True, tag="worker-joined"):
    """Raises ValueError for a worker that could not train."""

    worker: Worker

    def __post_init__(self) -> None:
        if self.worker.device == CPU and self.worker.cores < 1:
            raise ValueError(f"worker.cores: expected at least 1 of a cpu worker, got {self.worker.cores}")
        if self.worker.device != CPU and self.worker.gpu_share <= 0:
            raise ValueError(f"worker.gpu_share: expected above 0 of a GPU worker, got {self.worker.gpu_share:g}")


class WorkerLeft(Event, frozen=True, tag="worker-left"):
    """The worker is gone; the segment that it ran was lost just before. It may join again."""

    worker: WorkerId
    reason: str


class WorkerDraining(Event, frozen=True, tag="worker-draining"):
    """The worker will leave at `until` (seconds since the start of the run): nothing new starts on
    it."""

    worker: WorkerId
    until: Amount
    reason: str


class WorkerSlowed(Event, frozen=True, tag="worker-slowed"):
    """From now on the worker takes `factor` times as long as it should. 1: it has recovered."""

    worker: WorkerId
    factor: Factor


class ExperimentArrived(Event, frozen=True, tag="experiment-arrived"):
    experiment: Experiment


class TrialAdded(Event, frozen=True, tag="trial-added"):
    trial: TrialId
    experiment: ExperimentId
    batch_size: Many
    hyperparameters: Hyperparameters


class SegmentStarted(Event, frozen=True, omit_defaults=True, tag="segment-started"):
    """`others` are the further workers of a gang.

    `segment` is the number of the segment in its run, from 1, in the order of the starts. It goes
    on when the run is resumed. The end or the loss of a segment has the number of its start. 0: the
    dispatcher has not numbered it yet.

    `package` is the number of the first segment of its package (0: it is in none). The segments of
    a package start at one time, their worker works them off one after another, and their ends are
    reported at one time.
    """

    trial: TrialId
    worker: WorkerId
    iterations: Many
    others: tuple[WorkerId, ...] = ()
    segment: Count = 0
    package: Count = 0

    @property
    def follows(self) -> bool:
        """Whether other segments of its package come before it."""
        return self.package not in (0, self.segment)

    @property
    def workers(self) -> tuple[WorkerId, ...]:
        return (self.worker, *self.others)


class Parts(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """How many seconds each part of a segment took.

    `dispatch_s` has two pieces: from the decision to the worker's first act, and from the worker's
    last act to the next decision.
    """

    start_up_s: Seconds
    restore_s: Seconds
    train_s: Seconds
    evaluate_s: Seconds
    checkpoint_s: Seconds
    dispatch_s: Seconds

    @property
    def total_s(self) -> float:
        return self.start_up_s + self.restore_s + self.train_s + self.evaluate_s + self.checkpoint_s + self.dispatch_s


class SegmentEnded(Event, frozen=True, omit_defaults=True, tag="segment-ended"):
    """A segment was trained, evaluated and checkpointed.

    `score` is the value of the experiment's metric. `metrics` are further reported metrics, by
    name. None: not a number, or not known. `late_s` are the seconds of training beyond those that
    the worker's pace asks for. `worked` is when the worker of a package began and ended this
    segment. None: at the segment's start and end.
    """

    trial: TrialId
    worker: WorkerId
    iterations: Many
    score: Score | None
    parts: Parts
    late_s: Seconds = 0.0
    metrics: dict[str, Score | None] = {}
    segment: Count = 0
    worked: tuple[Amount, Amount] | None = None


class SegmentLost(Event, frozen=True, tag="segment-lost"):
    """A segment broke. The trial is again as it was before the segment, at its last checkpoint."""

    trial: TrialId
    worker: WorkerId
    reason: str
    segment: Count = 0


class CheckpointLost(Event, frozen=True, tag="checkpoint-lost"):
    """The trial's newest checkpoint is gone. The trial falls back to an earlier state. `iterations`
    and `score` are its count and score. 0 and None: the trial starts from the beginning. The
    hyperparameters stay."""

    trial: TrialId
    iterations: Count
    score: Score | None
    reason: str


class TrialExploited(Event, frozen=True, tag="trial-exploited"):
    """PBT: the trial took over the weights of `source` and goes on with `hyperparameters`."""

    trial: TrialId
    source: TrialId
    hyperparameters: Hyperparameters


FAILED = "failed: "
"""The beginning of the reason with which a run ends that failed, or a trial that is given up."""

STOPPED_BY = "stopped by "
"""The reason for completing a trial begins with this, the policy's name and a colon if a policy has
stopped the trial."""


class TrialCompleted(Event, frozen=True, tag="trial-completed"):
    trial: TrialId
    reason: str

    @property
    def is_by_policy(self) -> bool:
        """Whether a policy has stopped the trial. The reason by a stop rule has no colon. It may
        begin with the name of a metric."""
        return self.reason.startswith(STOPPED_BY) and ": " in self.reason

    @property
    def is_failure(self) -> bool:
        """Whether the trial was given up after failures."""
        return self.reason.startswith(FAILED)


class PolicyWoken(Event, frozen=True, tag="policy-woken"):
    """The policy is asked again, at the time of its `WakeAt`."""


class PolicyAsked(Event, frozen=True, tag="policy-asked"):
    """The policy was asked. A log leaves the event out if a decision follows an event that is not a
    decision: then the decision itself shows that the policy was asked."""


class GpuUse(Struct, frozen=True, gc=False):
    """How busy a GPU is: `use` is the share of the time in which it worked, from 0 to 1."""

    name: str
    use: Amount
    memory_bytes: Count
    memory_total_bytes: Count


class ResourcesSampled(Event, frozen=True, omit_defaults=True, tag="resources-sampled"):
    """How busy a node is. `cpu` is the share of the node's cores that were busy, from 0 to 1, as
    the mean since the sample before. docs/real-runs.md says what is measured where."""

    node: NodeId
    cpu: Amount
    memory_bytes: Count
    memory_total_bytes: Count
    gpus: tuple[GpuUse, ...] = ()


class RunEnded(Event, frozen=True, tag="run-ended"):
    reason: str


class RunResumed(Event, frozen=True, omit_defaults=True, tag="run-resumed"):
    """Another process goes on with the run. The time since the last event does not count. `forgot`
    says why the policy lost its memory of earlier drivers. None: it has this memory."""

    reason: str
    forgot: str | None = None
    log_version: Many = UNNUMBERED


AnyEvent = (
    RunStarted
    | RunPredicted
    | WorkerJoined
    | WorkerLeft
    | WorkerDraining
    | WorkerSlowed
    | ExperimentArrived
    | TrialAdded
    | SegmentStarted
    | SegmentEnded
    | SegmentLost
    | CheckpointLost
    | TrialExploited
    | TrialCompleted
    | PolicyWoken
    | PolicyAsked
    | ResourcesSampled
    | RunEnded
    | RunResumed
)
