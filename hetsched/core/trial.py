"""A trial as it stands, and what workers have trained of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from hetsched.core.events import SegmentStarted
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind


class Status(StrEnum):
    READY = "ready"
    RUNNING = "running"
    COMPLETED = "completed"


NONE_REPORTED: Mapping[str, float | None] = MappingProxyType({})
"""The further metrics of a trial of which none is known."""


class Trial(Struct, frozen=True, gc=False):
    """One member of a population.

    `index` counts trials in the order in which they were added. `iterations` is the count by which the trial stops:
    what it has `trained` itself or, where copies take over counts (`pbt.iterations = "lineage"`), the iterations behind
    its weights. `at` is the worker on which it trained last, None if its state is nowhere but in its checkpoint.
    `score` is that of its weights, `best_score` the best that it has had, `metrics` are further ones of its weights;
    None: not known. `base` is the count that it last took over, and `taken_over` how much taking over
    has added to its count in all (less than 0: has taken from it). `earlier` are the iterations that it trained as
    another kind of trial than it is now, in order of time. At `ready_since`, in seconds since the
    start of the run, it last became ready: it was added, or its segment ended or was lost.
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
    metrics: Mapping[str, float | None] = NONE_REPORTED
    base: int = 0
    taken_over: int = 0
    earlier: tuple[tuple[TrialKind, int], ...] = ()
    ready_since: float = 0.0

    @property
    def trained(self) -> int:
        """Iterations that the trial has trained itself, less those that were lost with its checkpoints. What PBT threw
        away counts."""
        return self.iterations - self.taken_over

    @property
    def trained_by_kind(self) -> Mapping[TrialKind, int]:
        """The iterations that it `trained` as each kind of trial."""
        if not self.earlier:
            return {self.kind: self.trained}
        counts: Counter[TrialKind] = Counter()
        for kind, iterations in self._by_time():
            counts[kind] += iterations
        return counts

    def _by_time(self) -> Iterator[tuple[TrialKind, int]]:
        yield from self.earlier
        if rest := self.trained - sum(iterations for _, iterations in self.earlier):
            yield self.kind, rest

    def copying(
        self, source: "Trial", hyperparameters: Mapping[str, Any], kind: TrialKind, *, takes_count: bool
    ) -> "Trial":
        """The trial after it took over the weights of the source, and with `takes_count` the count of iterations."""
        jump = source.iterations - self.iterations if takes_count else 0
        return replace(
            self,
            hyperparameters=hyperparameters,
            iterations=self.iterations + jump,
            score=source.score,
            metrics=source.metrics,
            at=None,
            exploits=self.exploits + 1,
            base=source.iterations if takes_count else self.base,
            taken_over=self.taken_over + jump,
            kind=kind,
            earlier=self.earlier if kind == self.kind else tuple(self._by_time()),
        )

    def fallen_back(self, iterations: int, score: float | None) -> "Trial":
        """The trial after its newest state was lost, with the count and the score of the state that is left.

        What it has trained since it last took over a count is lost as far as it is beyond that state. A state of a
        higher count is from before it took over a lower one.
        """
        from_before = iterations > self.iterations
        lost = self.iterations - (self.base if from_before else max(iterations, self.base))
        return replace(
            self,
            iterations=iterations,
            score=score,
            metrics=NONE_REPORTED,
            at=None,
            base=iterations if from_before else min(iterations, self.base),
            taken_over=iterations - (self.trained - lost),
            earlier=tuple(_first(self.trained - lost, self.earlier)),
        )


def _first(left: int, work: Iterable[tuple[TrialKind, int]]) -> Iterator[tuple[TrialKind, int]]:
    """The first so many iterations of the work."""
    for kind, iterations in work:
        if left:
            yield kind, min(left, iterations)
            left -= min(left, iterations)


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


class Package(Struct, frozen=True, gc=False):
    """What a worker reported together: so many trials, so many seconds after it had begun with the first one. A segment
    that is in no package is one of a single trial. `number` is that of its first segment."""

    number: int
    trials: int
    seconds: float

    @property
    def seconds_per_trial(self) -> float:
        return self.seconds / self.trials


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
