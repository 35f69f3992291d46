"""The state of a run: what the events so far add up to. Nothing else ever changes it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from hetsched.core.changes import Changes
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    PolicyAsked,
    PolicyWoken,
    ResourcesSampled,
    RunEnded,
    RunPredicted,
    RunResumed,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
    WorkerSlowed,
)
from hetsched.core.leads import Leads
from hetsched.core.log import MEND
from hetsched.core.node_presence import NodePresence
from hetsched.core.ready_trials import ReadyTrials
from hetsched.core.trial import Package, Segment, Timing, Trained, Trial, Work
from hetsched.core.worker_memory import WorkerMemory
from hetsched.core.worker_pool import WorkerPool
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.hyperparameters import unchangeable
from hetsched.domain.workload import Experiment, ExperimentId, TrialId, TrialKind
from hetsched.errors import InputError


class State:
    """A run at the moment `now`. Use `apply`; read anything; write nothing.

    - `workers`: in the cluster. `serving`: the workers that are not about to leave.
    - `types`: of all workers that ever joined. `nodes`: all that are or were in the cluster.
    - `idle`: workers, in the order in which they became idle.
    - `ready`: trials that could run now. Those with the fewest iterations come first.
    - `in_memory`: the trial that a worker trained last. A worker that is missing here must start
      up.
    - `emptied`: when a worker last lost a segment of a package. No state of an earlier segment is
      in its memory.
    - `first_segments`: each worker's first finished segment, in the order of their ends.
    - `last_packages`: each worker's last reported package.
    - `trained`: what each worker trained, by kind of trial and size of the gang, without costs such
      as evaluation.
    - `segments`: how many have ended. `started`: how many have started. The next segment has the
      number `started` + 1.
    - `comings_and_goings`: how often `serving` has changed.

    All workers of a gang finish its segment. All trials of a package run until it is reported.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.run: RunStarted | None = None
        self.ended: str | None = None
        self.workers: dict[WorkerId, Worker] = {}
        self.experiments: dict[ExperimentId, Experiment] = {}
        self.has_gangs = self.restricted = False
        self.trials: dict[TrialId, Trial] = {}
        self.idle = WorkerPool()
        self.ready = ReadyTrials()
        self.running: dict[TrialId, Segment] = {}
        self._unreported: Counter[int] = Counter()  # of each package the segments that run
        self.serving: dict[WorkerId, Worker] = {}
        self.types: dict[WorkerType, None] = {}
        self.in_memory = WorkerMemory()
        self.emptied: dict[WorkerId, float] = {}
        self.unfinished: dict[ExperimentId, int] = {}
        self.lead: dict[ExperimentId, int] = {}
        self._leads = Leads(self.trials)
        self.best_score: dict[ExperimentId, float | None] = {}
        self.first_segments: dict[WorkerId, Timing] = {}
        self.last_packages: dict[WorkerId, Package] = {}
        self.trained: defaultdict[WorkerId, defaultdict[Work, Trained]] = defaultdict(_none_trained)
        self.nodes = NodePresence()
        self.segments = self.started = 0
        self.comings_and_goings = 0

    @property
    def changes(self) -> Changes:
        """Which trials have changed, in order. The count of changes follows from the events alone,
        so a policy may compare counts of two states with the same events."""
        return self.ready.changes

    def is_ready(self, trial: Trial) -> bool:
        """Whether the trial could run now: it is neither running nor completed."""
        return trial.completed is None and trial.id not in self.running

    @property
    def finished(self) -> bool:
        """Whether every trial that was added is completed."""
        return not self.ready and not self.running

    def apply(self, event: Event) -> None:
        """Take one event into account. Events must come in the order of time."""
        self.now = event.time
        _HANDLERS[type(event)](self, event)

    def must_restore(self, trial: Trial, worker: WorkerId, others: Sequence[WorkerId] = ()) -> bool:
        """Whether the trial has a state that the memory of the worker, or of one of the `others` of
        its gang, lacks."""
        return self.in_memory.must_restore(trial, worker, others)

    def stop_reason(self, trial: Trial) -> str | None:
        """Why the trial must stop now, by its stop rule. None: it need not stop."""
        experiment = self.experiments[trial.experiment]
        target = experiment.stop_score
        if target is not None and experiment.metric.reached(trial.score, target):
            return experiment.metric.rule(target)
        if trial.iterations >= experiment.stop_iterations:
            return f"{experiment.stop_iterations} iterations"
        return None

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data: equal snapshots mean equal states. Whatever has an order is a
        list in that order."""
        return {
            "run": None if self.run is None else _plain(self.run),
            "now": self.now,
            "ended": self.ended,
            "segments": self.segments,
            "started": self.started,
            "comings_and_goings": self.comings_and_goings,
            "workers": _plain([*self.workers.values()]),
            "serving": [*self.serving],
            "types": _plain([*self.types]),
            "nodes": self.nodes.snapshot(),
            "idle": [*self.idle],
            "in_memory": dict(self.in_memory),
            "emptied": dict(self.emptied),
            "first_segments": [{"worker": worker, **asdict(first)} for worker, first in self.first_segments.items()],
            "last_packages": [{"worker": worker, **asdict(last)} for worker, last in self.last_packages.items()],
            "trained": [
                {"worker": worker, **kind._asdict(), "gang": gang, **asdict(trained)}
                for worker, of_worker in self.trained.items()
                for (kind, gang), trained in of_worker.items()
            ],
            "experiments": _plain([*self.experiments.values()]),
            "unfinished": dict(self.unfinished),
            "lead": dict(self.lead),
            "best_score": dict(self.best_score),
            "trials": _plain([*self.trials.values()]),
            "ready": [trial.id for trial in self.ready.first_come()],
            "running": _plain([*self.running.values()]),
        }

    # One method per event type.

    def _run_started(self, event: RunStarted) -> None:
        self.run = event

    def _run_predicted(self, event: RunPredicted) -> None:
        """A prediction changes nothing."""

    def _run_ended(self, event: RunEnded) -> None:
        self.ended = event.reason

    def _run_resumed(self, event: RunResumed) -> None:
        self.ended = None

    def _policy_woken(self, event: PolicyWoken) -> None:
        """Only time has passed."""

    def _policy_asked(self, event: PolicyAsked) -> None:
        """The policy decided nothing."""

    def _resources_sampled(self, event: ResourcesSampled) -> None:
        """Policies do not see what nodes use."""

    def _worker_joined(self, event: WorkerJoined) -> None:
        worker = event.worker
        self.workers[worker.id] = self.serving[worker.id] = self.idle[worker.id] = worker
        self.types[worker.type] = None
        self.comings_and_goings += 1
        self.nodes.join(worker, event.time)

    def _worker_left(self, event: WorkerLeft) -> None:
        self.nodes.leave(self.workers.pop(event.worker), event.time)
        self.serving.pop(event.worker, None)
        self.idle.pop(event.worker, None)
        self.comings_and_goings += 1
        self.in_memory.pop(event.worker, None)

    def _worker_draining(self, event: WorkerDraining) -> None:
        self.workers[event.worker]  # is there
        self.serving.pop(event.worker, None)
        self.idle.pop(event.worker, None)
        self.comings_and_goings += 1

    def _worker_slowed(self, event: WorkerSlowed) -> None:
        """Policies see only how long segments take, as in a real run."""
        self.workers[event.worker]  # is there

    def _experiment_arrived(self, event: ExperimentArrived) -> None:
        experiment = event.experiment
        frozen: Any = MappingProxyType(experiment.search_space)  # policies see it
        self.experiments[experiment.id] = replace(experiment, search_space=frozen)
        self.has_gangs |= experiment.gang > 1
        self.restricted |= experiment.gang > 1 or experiment.devices is not None
        self.unfinished[experiment.id] = self.lead[experiment.id] = 0
        self.best_score[experiment.id] = None

    def _trial_added(self, event: TrialAdded) -> None:
        frozen = unchangeable(event.hyperparameters)
        experiment = self.experiments[event.experiment]
        kind = TrialKind(experiment.model, experiment.dataset, event.batch_size)
        trial = Trial(event.trial, len(self.trials), event.experiment, kind, frozen, event.time, ready_since=event.time)
        self.trials[trial.id] = trial
        self.ready.add(trial)
        self._leads.note(trial)
        self.unfinished[trial.experiment] += 1

    def _segment_started(self, event: SegmentStarted) -> None:
        name = event.trial
        self.ready.take(self.trials[name])
        if not event.package or event.package == event.segment:  # else the worker has begun with the package
            del self.idle[event.worker]
        for worker in event.others:
            del self.idle[worker]
        self.running[name] = event
        if event.package:
            self._unreported[event.package] += 1
        self.started += 1

    def _segment_ended(self, event: SegmentEnded) -> None:
        name, worker, score = event.trial, event.worker, event.score
        old, segment = self.trials[name], self.running.pop(name)
        best, home = old.best_score, self.experiments[old.experiment]
        experiment, metric = home.id, home.metric
        if metric.better(score, best):
            best = score
            if metric.better(score, self.best_score[experiment]):  # at least as good as the trial's own
                self.best_score[experiment] = score
        self.trials[name] = trial = old.advanced(event, segment.others, best)
        self.ready.add(trial)
        work, parts = (old.kind, home.gang), event.parts
        is_free = not segment.package or self._closes(segment.package)
        for used in (worker, *segment.others):
            if is_free and used in self.serving:
                self.idle[used] = self.serving[used]
            if event.worked is None or event.worked[1] > self.emptied.get(used, -1.0):
                self.in_memory[used] = name
            if used not in self.first_segments:
                begun, done = event.worked or (segment.time, event.time)
                self.first_segments[used] = Timing(event.iterations, done - begun)
            self.last_packages[used] = _grown(self.last_packages.get(used), segment, event.time)
            trained = self.trained[used][work]
            trained.iterations += event.iterations
            trained.seconds += parts.train_s
            trained.segments += 1
            trained.beside_s += parts.checkpoint_s + parts.dispatch_s
            if parts.restore_s:
                trained.restores += 1
                trained.restore_s += parts.start_up_s + parts.restore_s
        self.segments += 1
        self._leads.note(trial)
        if trial.iterations > self.lead[experiment]:
            self.lead[experiment] = trial.iterations

    def _closes(self, package: int) -> bool:
        """Count a segment of the package that no longer runs. Returns whether it was the last
        one."""
        self._unreported[package] -= 1
        if self._unreported[package]:
            return False
        del self._unreported[package]
        return True

    def _segment_lost(self, event: SegmentLost) -> None:
        segment = self.running.pop(event.trial)
        is_free = not segment.package or self._closes(segment.package)
        for worker in segment.workers:
            if is_free and worker in self.serving:
                self.idle[worker] = self.serving[worker]
            self.in_memory.pop(worker, None)
            if segment.package:
                self.emptied[worker] = event.time
        trial = replace(self.trials[event.trial], at=None, others=(), ready_since=event.time)
        self.trials[trial.id] = trial
        self.ready.add(trial)

    def _checkpoint_lost(self, event: CheckpointLost) -> None:
        old = self.trials[event.trial]
        self._recount(old, old.fallen_back(event.iterations, event.score))

    def _trial_exploited(self, event: TrialExploited) -> None:
        old, source = self.trials[event.trial], self.trials[event.source]
        experiment = self.experiments[old.experiment]
        kind = experiment.kind_with(event.hyperparameters, old.kind)
        frozen = unchangeable(event.hyperparameters)
        trial = old.copying(source, frozen, kind, takes_count=experiment.counts_lineage)
        if trial.iterations == old.iterations:
            self.trials[old.id] = trial
            self.ready.replace(trial)
        else:
            self._recount(old, trial)

    def _recount(self, old: Trial, trial: Trial) -> None:
        """The count of a ready trial has changed for another reason than training."""
        self.ready.take(old)
        self.trials[trial.id] = trial
        self.ready.add(trial)
        self._leads.note(trial)
        if old.iterations == self.lead[trial.experiment] > trial.iterations:
            self.lead[trial.experiment] = self._leads.of(trial.experiment)
        self.lead[trial.experiment] = max(trial.iterations, self.lead[trial.experiment])

    def _trial_completed(self, event: TrialCompleted) -> None:
        trial = self.trials[event.trial]
        self.ready.take(trial)
        self.trials[trial.id] = replace(trial, completed=event.time)
        self.unfinished[trial.experiment] -= 1


_HANDLERS: dict[type[Event], Callable[[State, Any], None]] = {
    RunStarted: State._run_started,
    RunPredicted: State._run_predicted,
    RunEnded: State._run_ended,
    RunResumed: State._run_resumed,
    PolicyWoken: State._policy_woken,
    PolicyAsked: State._policy_asked,
    ResourcesSampled: State._resources_sampled,
    WorkerJoined: State._worker_joined,
    WorkerLeft: State._worker_left,
    WorkerDraining: State._worker_draining,
    WorkerSlowed: State._worker_slowed,
    ExperimentArrived: State._experiment_arrived,
    TrialAdded: State._trial_added,
    SegmentStarted: State._segment_started,
    SegmentEnded: State._segment_ended,
    SegmentLost: State._segment_lost,
    CheckpointLost: State._checkpoint_lost,
    TrialExploited: State._trial_exploited,
    TrialCompleted: State._trial_completed,
}


def _grown(last: Package | None, segment: Segment, time: float) -> Package:
    """The worker's last package, with a segment that it has just reported."""
    number, trials = segment.package or segment.segment, 1
    if last is not None and last.number == number:
        trials += last.trials
    return Package(number, trials, time - segment.time)


def _none_trained() -> defaultdict[Work, Trained]:
    return defaultdict(Trained)


def _plain(structs: Struct | Sequence[Struct | WorkerType]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(structs, enc_hook=dict))


def state_of(events: Iterable[Event]) -> State:
    """The state after all events of a log. Raises InputError, naming the line, for an event that
    cannot follow from the events before it."""
    state = State()
    for line, event in enumerate(events, start=1):
        apply_line(state, line, event)
    return state


def apply_line(state: State, line: int, event: Event, log: Path | None = None) -> None:
    """Apply the event of this line of a log. Raises InputError if it cannot follow from the events
    before it, or is of an earlier time. The message names the line, and the file if it is known."""
    here, before = f"{log}:{line}" if log is not None else f"line {line} of the log", state.now
    try:
        state.apply(event)
    except (AssertionError, LookupError, OverflowError, ValueError) as error:
        subject = getattr(event, "trial", None) or getattr(event, "worker", None)
        what = f"{type(event).__name__} of {subject!r}" if isinstance(subject, str) else type(event).__name__
        raise InputError(f"{here}: {what} does not follow from the lines before: was it altered? {MEND}") from error
    if event.time < before:
        raise InputError(f"{here}: time goes back from {before:g} s to {event.time:g} s: was it altered? {MEND}")
