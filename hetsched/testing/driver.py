"""Drives a policy through a situation on a virtual clock: a test double for a backend."""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count, groupby
from random import Random
from typing import NamedTuple

from hetsched.core.decisions import SchedulingPolicy
from hetsched.core.dispatcher import FRUITLESS_WAKES, Decided, Dispatcher
from hetsched.core.events import (
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    TrialAdded,
    TrialCompleted,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.open_packages import OpenPackages, Turn
from hetsched.core.state import State
from hetsched.core.trial import Segment, Trial
from hetsched.domain.cluster import ClusterSpec, Worker
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.random_streams import stream
from hetsched.domain.workload import Experiment, TrialId, Workload
from hetsched.errors import counted
from hetsched.testing.situations import Situation

REMOVED = "removed by nobody's rule"
"""The reason of a trial that somebody else ends."""


class StalledError(Exception):
    """The run would never end."""


class Done(NamedTuple):
    """A segment that its worker has finished. `worked` is as in `SegmentEnded`."""

    segment: Segment
    parts: Parts
    worked: tuple[float, float] | None


class Driver:
    """One run with the real dispatcher, state and view. Time, work, scores and mishaps are made up
    from the situation.

    Nothing depends on a name: all random numbers come from one stream, in the order in which they
    are needed.
    """

    def __init__(self, policy: SchedulingPolicy, name: str, situation: Situation) -> None:
        self.situation = situation
        self.now = 0.0
        self.state = State()
        self.events: list[Event] = []
        self.profile = situation.profile()
        self.dispatcher = Dispatcher(
            self.state, policy, name, self.profile, listeners=[lambda _, event: self.events.append(event)]
        )
        self._times = situation.true_times()
        self._random = Random(situation.seed)
        self._packages: OpenPackages[Done] = OpenPackages()
        self._fruitless = 0
        self._timer: float | None = None
        self._number = count()
        self._coming: list[tuple[float, int, Callable[[], Decided | None]]] = []

    def begin(self, cluster: ClusterSpec, workload: Workload) -> None:
        """Add the workers and set the policy up. Raises PolicyError if the policy raises."""
        late = {absence.worker for absence in self.situation.absences if absence.start == 0}
        for place, worker in enumerate(self.situation.workers):
            if place not in late:
                self.dispatcher.record(WorkerJoined(0.0, worker))
        self.dispatcher.set_up(cluster, workload, stream(self.situation.seed, "policy"))
        for arrival_s, together in groupby(self.situation.experiments, key=lambda experiment: experiment.arrival_s):
            self._at(arrival_s, partial(self._arrive, list(together)))
        for absence in self.situation.absences:
            worker = self.situation.workers[absence.worker]
            if absence.start > 0:
                self._at(absence.start, partial(self._leave, worker))
            if absence.end is not None:
                self._at(absence.end, partial(self._join, worker))
        for time in self.situation.losses:
            self._at(time, self._lose)
        for time in self.situation.removals:
            self._at(time, self._remove)

    def step(self) -> bool:
        """Carry out the next event, and let the policy decide. Returns False if no event is left.

        Raises StalledError for a policy that leaves all workers idle, or is woken for nothing again
        and again. Raises PolicyError for a decision that is refused, and for a policy that raises.
        """
        if not self._coming:
            return False
        self.now, _, happen = heappop(self._coming)
        decided = happen()
        if decided is not None:
            self._carry_out(decided)
        return True

    def _at(self, time: float, happen: Callable[[], Decided | None]) -> None:
        heappush(self._coming, (time, next(self._number), happen))

    def _carry_out(self, decided: Decided) -> None:
        for segment in self._packages.begin(decided.starts):
            self._begin_segment(segment)
        if decided.starts or decided.stops:
            self._fruitless = 0
        wake_at = self.dispatcher.wake_at
        if wake_at is not None:
            if wake_at != self._timer:
                self._at(wake_at, partial(self._wake, wake_at))
        elif not self.state.running and self._could_start():
            idle, ready = counted(len(self.state.idle), "worker"), counted(len(self.state.ready), "trial")
            raise StalledError(f"at {self.now:g} s it left {idle} idle and {ready} waiting; nothing runs to wake it up")
        self._timer = wake_at

    def _begin_segment(self, segment: Segment) -> None:
        parts = self._parts(segment)
        self._at(self.now + parts.total_s, partial(self._end, segment, parts))

    def _go_on(self, turn: Turn[Done]) -> None:
        """Note that a worker has finished a segment, or has lost it."""
        if turn.next is not None:
            self._begin_segment(turn.next)
        for done in turn.report:
            self._report(done)

    def _could_start(self) -> bool:
        """Whether some idle worker may run some ready trial."""
        experiments = {trial.experiment for trial in self.state.ready}
        return any(
            self.state.experiments[experiment].may_use(worker.device)
            for experiment in experiments
            for worker in self.state.idle.values()
        )

    def _parts(self, segment: Segment) -> Parts:
        trial, worker = self.state.trials[segment.trial], self.state.workers[segment.worker]
        costs, after = self._times.costs(trial.kind, worker.type), self._packages.after(segment)
        restores = trial.iterations > 0 if after else self.state.must_restore(trial, worker.id)
        seconds = self._times.seconds_per_iteration(trial.kind, worker.type)
        assert seconds is not None, "the true times say everything"
        return Parts(
            start_up_s=0.0 if worker.id in self.state.in_memory or after else costs.start_up_s,
            restore_s=costs.restore_s if restores else 0.0,
            train_s=segment.iterations * seconds * (self._random.uniform(0.5, 1.5) if self.situation.noise else 1.0),
            evaluate_s=self.state.experiments[trial.experiment].evaluation_images * costs.evaluation_s_per_image,
            checkpoint_s=costs.checkpoint_s,
            dispatch_s=0.0,
        )

    # What can happen.

    def _arrive(self, experiments: list[Experiment]) -> Decided:
        """Experiments arrive, with hyperparameters that do not depend on their names (see
        `Dispatcher.arrive`)."""
        for experiment in experiments:
            self.dispatcher.record(ExperimentArrived(self.now, experiment))
            for number, trial in enumerate(experiment.trial_ids()):
                values = {key: span.at(self._random.random()) for key, span in experiment.search_space.items()}
                kind = experiment.kind_with(values, experiment.kind(number))
                self.dispatcher.record(TrialAdded(self.now, trial, experiment.id, kind.batch_size, values))
        return self.dispatcher.dispatch(self.now)

    def _end(self, segment: Segment, parts: Parts) -> Decided | None:
        if self.state.running.get(segment.trial) is not segment:
            return None  # it was lost
        worked = (self._packages.since(segment), self.now) if segment.package else None
        self._go_on(self._packages.end(segment, Done(segment, parts, worked), self.now))
        return self.dispatcher.dispatch(self.now)

    def _report(self, done: Done) -> None:
        segment, number = done.segment, done.segment.segment
        experiment = self.state.experiments[self.state.trials[segment.trial].experiment]
        score = self._random.random() if experiment.evaluation_images else None
        ended = SegmentEnded(
            self.now,
            segment.trial,
            segment.worker,
            segment.iterations,
            score,
            done.parts,
            segment=number,
            worked=done.worked,
        )
        self.dispatcher.end_segment(ended, self._perturb)

    def _perturb(self, trial: Trial) -> tuple[TrialId, Hyperparameters] | None:
        """Let a trial copy the best one of its population now and then, with newly drawn
        hyperparameters."""
        experiment = self.state.experiments[trial.experiment]
        if experiment.pbt is None or self._random.random() < 0.5:
            return None
        population = [t for t in self.state.trials.values() if t.experiment == trial.experiment]
        best = max(population, key=lambda t: self.state.experiments[t.experiment].metric.rank(t.score))
        if best.id == trial.id:
            return None
        return best.id, {key: domain.at(self._random.random()) for key, domain in experiment.search_space.items()}

    def _wake(self, time: float) -> Decided | None:
        if time != self.dispatcher.wake_at:
            return None  # the policy has thought better of it
        self._fruitless += 1
        if self._fruitless > FRUITLESS_WAKES:
            raise StalledError(
                f"at {self.now:g} s it had been woken {FRUITLESS_WAKES} times and started and stopped nothing"
            )
        return self.dispatcher.wake(self.now)

    def _leave(self, worker: Worker) -> Decided:
        for segment in list(self.state.running.values()):
            if segment.worker == worker.id:
                self.dispatcher.lose_segment(self.now, segment.trial, "the worker left")
        self._packages.forget(worker.id)
        self.dispatcher.record(WorkerLeft(self.now, worker.id, "made up"))
        return self.dispatcher.dispatch(self.now)

    def _join(self, worker: Worker) -> Decided:
        self.dispatcher.record(WorkerJoined(self.now, worker))
        return self.dispatcher.dispatch(self.now)

    def _lose(self) -> Decided | None:
        segment = next(iter(self.state.running.values()), None)
        if segment is None:
            return None
        self._lose_one(segment)
        return self.dispatcher.dispatch(self.now)

    def _lose_one(self, segment: Segment) -> None:
        self.dispatcher.lose_segment(self.now, segment.trial, "made up")
        self._go_on(self._packages.lose(segment, self.now))

    def _remove(self) -> Decided | None:
        """End a trial that is ready or runs."""
        open_trials = [trial.id for trial in self.state.trials.values() if trial.completed is None]
        if not open_trials:
            return None
        name = self._random.choice(open_trials)
        if (segment := self.state.running.get(name)) is not None:
            self._lose_one(segment)
        if self.state.trials[name].completed is None:
            self.dispatcher.record(TrialCompleted(self.now, name, REMOVED))
        return self.dispatcher.dispatch(self.now)
