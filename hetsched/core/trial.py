"""A trial as it stands, and what workers have trained of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from hetsched.core.events import SegmentEnded, SegmentStarted
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

    - `index`: a number, in the order in which trials were added.
    - `iterations`: the count by which the trial stops. It is what the trial has `trained` itself.
      If copies take over counts (`pbt.iterations = "lineage"`), it is the iterations behind the
      trial's weights.
    - `at`: the worker on which the trial trained last. None: the trial's state is in its checkpoint
      only. `others`: the further workers of a gang, which trained it together with `at`.
    - `score`, `metrics`: the score and further metrics of the present weights. `best_score`: the
      best score that the trial has had. None: not known.
    - `base`: the count that the trial last copied. `taken_over`: how much copies have added to its
      count in all; less than 0 if they have reduced it.
    - `earlier`: the iterations that it trained while it was another kind of trial, in the order of
      time.
    - `ready_since`: when it last became ready, in seconds since the start of the run: it was added,
      or its segment ended or was lost.
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
    others: tuple[WorkerId, ...] = ()

    @property
    def trained(self) -> int:
        """The iterations that the trial has trained itself, without the iterations that were lost
        with its checkpoints. Iterations that a later copy has replaced are included."""
        return self.iterations - self.taken_over

    @property
    def trained_by_kind(self) -> Mapping[TrialKind, int]:
        """The `trained` iterations, by the kind of trial that it was then."""
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

    def advanced(self, ended: SegmentEnded, others: tuple[WorkerId, ...], best_score: float | None) -> "Trial":
        """The trial after a segment. `others` are the further workers of a gang."""
        return replace(
            self,
            iterations=self.iterations + ended.iterations,
            score=ended.score,
            best_score=best_score,
            metrics=MappingProxyType(ended.metrics) if ended.metrics else NONE_REPORTED,
            at=ended.worker,
            others=others,
            ready_since=ended.time,
        )

    def copying(
        self, source: "Trial", hyperparameters: Mapping[str, Any], kind: TrialKind, *, takes_count: bool
    ) -> "Trial":
        """The trial after it took over the weights of the source. With `takes_count` it takes the
        count as well."""
        jump = source.iterations - self.iterations if takes_count else 0
        return replace(
            self,
            hyperparameters=hyperparameters,
            iterations=self.iterations + jump,
            score=source.score,
            metrics=source.metrics,
            at=None,
            others=(),
            exploits=self.exploits + 1,
            base=source.iterations if takes_count else self.base,
            taken_over=self.taken_over + jump,
            kind=kind,
            earlier=self.earlier if kind == self.kind else tuple(self._by_time()),
        )

    def fallen_back(self, iterations: int, score: float | None) -> "Trial":
        """The trial after its newest state was lost: with the count and the score of the state that
        is left.

        It loses what it has trained since it last took over a count, as far as that exceeds the
        state that is left. A state with a higher count is older than the copy that took over a
        lower count.
        """
        from_before = iterations > self.iterations
        lost = self.iterations - (self.base if from_before else max(iterations, self.base))
        return replace(
            self,
            iterations=iterations,
            score=score,
            metrics=NONE_REPORTED,
            at=None,
            others=(),
            base=iterations if from_before else min(iterations, self.base),
            taken_over=iterations - (self.trained - lost),
            earlier=tuple(_first(self.trained - lost, self.earlier)),
        )


def _first(left: int, work: Iterable[tuple[TrialKind, int]]) -> Iterator[tuple[TrialKind, int]]:
    """The first `left` iterations of the work."""
    for kind, iterations in work:
        if left:
            yield kind, min(left, iterations)
            left -= min(left, iterations)


Segment = SegmentStarted
"""A running segment is identified by the event of its start."""


def status_of(trial: Trial, running: Collection[TrialId]) -> Status:
    """What a trial is doing. `running` are the trials that run."""
    if trial.completed is not None:
        return Status.COMPLETED
    return Status.RUNNING if trial.id in running else Status.READY


class Timing(Struct, frozen=True, gc=False):
    """Seconds that a number of iterations took."""

    iterations: int
    seconds: float


class Package(Struct, frozen=True, gc=False):
    """What a worker reported together: how many trials, and the seconds since it began with the
    first of them. A segment without a package counts as a package of one trial. `number` is the
    number of the first segment."""

    number: int
    trials: int
    seconds: float

    @property
    def seconds_per_trial(self) -> float:
        return self.seconds / self.trials


Work = tuple[TrialKind, int]
"""A kind of trial, and the number of workers that train one together. They decide the step time on
a worker type."""


class Trained(Struct, gc=False):
    """How many iterations were trained so far, and the seconds that they took.

    `beside_s` are the seconds of the `segments` without start-up, restore, training and evaluation.
    `restore_s` are the seconds of start-up and restore of the `restores`: the segments that began
    with a restore.
    """

    iterations: int = 0
    seconds: float = 0.0
    segments: int = 0
    beside_s: float = 0.0
    restores: int = 0
    restore_s: float = 0.0
