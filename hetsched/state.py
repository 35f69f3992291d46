"""The state of a run: what the events so far add up to. Nothing else ever changes it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from sortedcontainers import SortedList

from hetsched.cluster import Worker, WorkerId
from hetsched.events import (
    Event,
    ExperimentArrived,
    PolicyWoken,
    RunEnded,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.workload import Experiment, ExperimentId, TrialId, TrialKind


class Status(StrEnum):
    READY = "ready"
    RUNNING = "running"
    COMPLETED = "completed"


class Trial(Struct, frozen=True):
    """One member of a population.

    `index` counts trials in the order in which they were added. `iterations` counts what the trial has
    trained itself: taking over another's weights does not change it. `at` is the worker on which
    it trained last, None if its state is nowhere but in its checkpoint. `score` is that of its weights.
    """

    id: TrialId
    index: int
    experiment: ExperimentId
    kind: TrialKind
    hyperparameters: Mapping[str, float]
    arrived: float
    iterations: int = 0
    score: float | None = None
    best_score: float | None = None
    status: Status = Status.READY
    at: WorkerId | None = None
    exploits: int = 0
    completed: float | None = None


class Segment(Struct, frozen=True):
    """A segment that is running; `others` are the further workers of a gang."""

    trial: TrialId
    worker: WorkerId
    iterations: int
    started: float
    others: tuple[WorkerId, ...] = ()

    @property
    def workers(self) -> tuple[WorkerId, ...]:
        return (self.worker, *self.others)


class Waiting(NamedTuple):
    """A ready trial's place in the order of progress."""

    iterations: int
    number: int
    trial: TrialId


class Timing(NamedTuple):
    """How many seconds so many iterations took."""

    iterations: int
    seconds: float


class State:
    """A run at the moment `now`. Use `apply`; read anything; write nothing.

    `idle` holds workers in the order in which they became idle; `ready` holds the trials that could run now,
    least advanced first; `warm` the workers that have nothing to start up; `in_memory` the trial that a
    worker trained last; `first_segments` each worker's first finished segment as a whole, in the order of
    their ends; `trained` what each worker trained of which kinds of trial, evaluation and the like left out.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.run: RunStarted | None = None
        self.ended: str | None = None
        self.workers: dict[WorkerId, Worker] = {}
        self.experiments: dict[ExperimentId, Experiment] = {}
        self.trials: dict[TrialId, Trial] = {}
        self.idle: dict[WorkerId, Worker] = {}
        self.ready: SortedList[Waiting] = SortedList()
        self.running: dict[TrialId, Segment] = {}
        self.warm: set[WorkerId] = set()
        self.in_memory: dict[WorkerId, TrialId] = {}
        self.unfinished: dict[ExperimentId, int] = {}
        self.lead: dict[ExperimentId, int] = {}
        self.best_score: dict[ExperimentId, float] = {}
        self.first_segments: dict[WorkerId, Timing] = {}
        self.trained: defaultdict[WorkerId, dict[TrialKind, Timing]] = defaultdict(dict)
        self.segments = 0

    @property
    def finished(self) -> bool:
        """Every trial that was added is completed."""
        return not self.ready and not self.running

    def apply(self, event: Event) -> None:
        """Take one event into account. Events must come in the order of time."""
        self.now = event.time
        _HANDLERS[type(event)](self, event)

    def must_restore(self, trial: Trial, worker: WorkerId) -> bool:
        """Whether the trial has a state that the worker's memory does not hold."""
        held = trial.at == worker and self.in_memory.get(worker) == trial.id
        return not held and trial.iterations + trial.exploits > 0

    def stop_reason(self, trial: Trial) -> str | None:
        """Why the trial's stop rule holds now, or None."""
        experiment = self.experiments[trial.experiment]
        target = experiment.stop_accuracy
        if target is not None and trial.score is not None and trial.score >= target:
            return f"accuracy >= {target:g}"
        if trial.iterations >= experiment.stop_iterations:
            return f"{experiment.stop_iterations} iterations"
        return None

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data: equal snapshots mean equal states."""
        return {
            "now": self.now,
            "ended": self.ended,
            "segments": self.segments,
            "workers": _plain(self.workers),
            "trials": _plain(self.trials),
            "running": _plain(self.running),
        }

    # One method an event type.

    def _run_started(self, event: RunStarted) -> None:
        self.run = event

    def _run_ended(self, event: RunEnded) -> None:
        self.ended = event.reason

    def _policy_woken(self, event: PolicyWoken) -> None:
        """Only time has passed."""

    def _worker_joined(self, event: WorkerJoined) -> None:
        worker = event.worker
        self.workers[worker.id] = self.idle[worker.id] = worker

    def _worker_left(self, event: WorkerLeft) -> None:
        del self.workers[event.worker]
        self.idle.pop(event.worker, None)
        self.warm.discard(event.worker)
        self.in_memory.pop(event.worker, None)

    def _experiment_arrived(self, event: ExperimentArrived) -> None:
        experiment = event.experiment
        frozen: Any = MappingProxyType(experiment.search_space)  # policies see it
        self.experiments[experiment.id] = msgspec.structs.replace(experiment, search_space=frozen)
        self.unfinished[experiment.id] = self.lead[experiment.id] = 0

    def _trial_added(self, event: TrialAdded) -> None:
        frozen = MappingProxyType(event.hyperparameters)
        experiment = self.experiments[event.experiment]
        kind = TrialKind(experiment.model, experiment.dataset, event.batch_size)
        trial = Trial(event.trial, len(self.trials), event.experiment, kind, frozen, arrived=event.time)
        self.trials[trial.id] = trial
        self._wait(trial)
        self.unfinished[trial.experiment] += 1

    def _segment_started(self, event: SegmentStarted) -> None:
        trial = self.trials[event.trial]
        self.ready.remove(Waiting(trial.iterations, trial.index, trial.id))
        segment = Segment(trial.id, event.worker, event.iterations, event.time, event.others)
        for worker in segment.workers:
            del self.idle[worker]
        self._replace(trial, status=Status.RUNNING)
        self.running[trial.id] = segment

    def _segment_ended(self, event: SegmentEnded) -> None:
        segment = self._leave_worker(event.trial)
        old = self.trials[event.trial]
        best = event.score if old.best_score is None else max(old.best_score, event.score)
        trial = self._replace(
            old,
            iterations=old.iterations + event.iterations,
            score=event.score,
            best_score=best,
            status=Status.READY,
            at=event.worker,
        )
        experiment = self.experiments[trial.experiment]
        self._wait(trial)
        for worker in segment.workers:
            self.warm.add(worker)
            self.in_memory[worker] = trial.id
        self.segments += 1
        self.lead[experiment.id] = max(self.lead[experiment.id], trial.iterations)
        self.best_score[experiment.id] = max(self.best_score.get(experiment.id, event.score), event.score)
        seconds = event.time - segment.started
        self.first_segments.setdefault(event.worker, Timing(event.iterations, seconds))
        trained = self.trained[event.worker]
        done = trained.get(trial.kind, Timing(0, 0.0))
        trained[trial.kind] = Timing(done.iterations + event.iterations, done.seconds + event.parts.train_s)

    def _segment_lost(self, event: SegmentLost) -> None:
        for worker in self._leave_worker(event.trial).workers:
            self.warm.discard(worker)
            self.in_memory.pop(worker, None)
        self._wait(self._replace(self.trials[event.trial], status=Status.READY, at=None))

    def _trial_exploited(self, event: TrialExploited) -> None:
        old = self.trials[event.trial]
        source = self.trials[event.source]
        self._replace(
            old,
            hyperparameters=MappingProxyType(event.hyperparameters),
            score=source.score,
            exploits=old.exploits + 1,
            at=None,
        )

    def _trial_completed(self, event: TrialCompleted) -> None:
        trial = self.trials[event.trial]
        self.ready.remove(Waiting(trial.iterations, trial.index, trial.id))
        self._replace(trial, status=Status.COMPLETED, completed=event.time)
        self.unfinished[trial.experiment] -= 1

    def _replace(self, trial: Trial, **changes: Any) -> Trial:
        new = msgspec.structs.replace(trial, **changes)
        self.trials[trial.id] = new
        return new

    def _wait(self, trial: Trial) -> None:
        self.ready.add(Waiting(trial.iterations, trial.index, trial.id))

    def _leave_worker(self, trial: TrialId) -> Segment:
        segment = self.running.pop(trial)
        for worker in segment.workers:
            if worker in self.workers:
                self.idle[worker] = self.workers[worker]
        return segment


_HANDLERS: dict[type[Event], Callable[[State, Any], None]] = {
    RunStarted: State._run_started,
    RunEnded: State._run_ended,
    PolicyWoken: State._policy_woken,
    WorkerJoined: State._worker_joined,
    WorkerLeft: State._worker_left,
    ExperimentArrived: State._experiment_arrived,
    TrialAdded: State._trial_added,
    SegmentStarted: State._segment_started,
    SegmentEnded: State._segment_ended,
    SegmentLost: State._segment_lost,
    TrialExploited: State._trial_exploited,
    TrialCompleted: State._trial_completed,
}


def _plain(structs: Mapping[Any, Struct]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(list(structs.values()), enc_hook=dict))


def replay(events: Iterable[Event]) -> State:
    """The state that a log adds up to."""
    state = State()
    for event in events:
        state.apply(event)
    return state
