"""The driver of a real run: it decides which trial trains where, from start to end. It uses no
class of Ray.

Whoever carries the segments out calls `step` again and again, and reports what became of the
actors. The protocols in `real.tune.ports` hide actors and PBT.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeVar

from msgspec.structs import replace

from hetsched.core.dispatcher import Decided, Dispatcher
from hetsched.core.events import AnyEvent, ResourcesSampled, SegmentEnded, WorkerDraining
from hetsched.core.open_packages import OpenPackages, Turn
from hetsched.core.trial import Segment
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.random_streams import stream
from hetsched.domain.workload import Place, TrialId
from hetsched.errors import HetschedError, counted
from real.cluster.nodes import Nodes
from real.tune.attendance import Attendance
from real.tune.clock import Clock
from real.tune.course import Course
from real.tune.failures import Failures
from real.tune.messages import Assignment, Failure, Next, SegmentResult
from real.tune.ports import PBT, Actors, Resources
from real.tune.recall import recall
from real.tune.reported import divided
from real.tune.segment_times import SegmentTimes
from real.tune.stopping import Stopping
from real.tune.trial_states import TrialStates

T = TypeVar("T")

logger = logging.getLogger(__name__)


@cache
def _training_seed(seed: int, trial: TrialId) -> int:
    return int(stream(seed, "training", trial).integers(2**31))


class Driver:
    """Carries out what the dispatcher's policy decides, and records what happens.

    `past` are the events of earlier drivers of this run. `error` is the error that ended the run.
    """

    def __init__(
        self,
        seed: int,
        workers: Mapping[WorkerId, Worker],
        dispatcher: Dispatcher,
        states: TrialStates,
        nodes: Nodes,
        stopping: Stopping,
        clock: Clock,
        actors: Actors,
        pbt: PBT,
        resources: Resources,
        past: Sequence[AnyEvent] = (),
    ) -> None:
        self.error: Exception | None = None
        self._seed = seed
        self._dispatcher = dispatcher
        self._states = states
        self._nodes = nodes
        self._stopping = stopping
        self._clock = clock
        self._actors = actors
        self._pbt = pbt
        self._resources = resources
        self._past = past
        self._attendance = Attendance(workers, nodes, dispatcher, actors, clock, self._forget)
        self._failures = Failures(workers, nodes, self._attendance, states, stopping)
        self._times = SegmentTimes()
        self._to_start: list[Segment] = []
        self._packages: OpenPackages[tuple[Segment, SegmentEnded]] = OpenPackages()
        self._ask_policy = True
        self._is_ended = False
        self._attempts = 0
        self._attempt_of: dict[TrialId, int] = {}

    # What is reported to the driver.

    def begin(self) -> None:
        """All trials wait, and actors can be started."""
        self.guarded(self._attendance.begin, None)

    def step(self) -> None:
        """Time has passed: start what is decided, and look which nodes are in the cluster."""
        self.guarded(self._step, None)

    def started(self, trial: TrialId, *, fresh: bool) -> None:
        """The worker's actor has the trial, and will train what it is assigned. `fresh`: the actor
        was started for it."""
        self.guarded(lambda: self._started(trial, fresh), None)

    def ended(self, trial: TrialId, result: SegmentResult) -> Next:
        """An actor finished a segment. Returns what the actor does next."""
        return self.guarded(lambda: self._ended(trial, result), Next.IGNORED)

    def failed(self, trial: TrialId, failure: Failure) -> None:
        """The trial's segment failed, or the actor that should train it failed. The trial waits."""
        self.guarded(lambda: self._failed(trial, failure), None)

    def guarded(self, act: Callable[[], T], otherwise: T) -> T:
        """Call `act`. An error in any act ends the run; later acts do nothing.

        The first error is kept. An error while the run ends is a warning. If the run cannot be
        ended, this act and every later one raise the first error.
        """
        if self.error is not None:
            self._end_for(self.error)
            return otherwise
        self._clock.tick()
        try:
            return act()
        except Exception as error:
            self.error = error
        self._settle()
        self._end_for(self.error)
        return otherwise

    def give_up(self, error: Exception) -> None:
        """Whoever carries the segments out has failed, and calls no more. States in memory only go
        to storage."""
        if self.error is None:
            self.error = error
            self._settle()

    def _settle(self) -> None:
        try:
            self._states.settle()
        except Exception as error:
            resumed = "a resumed run goes on from those that are in storage"
            logger.warning("checkpoints could not be completed: %s: %s; %s", type(error).__name__, error, resumed)

    def _end_for(self, first: Exception) -> None:
        """Break off what runs, once. If that fails, raise the first error: without it the caller
        would call for ever."""
        if self._is_ended:
            return
        try:
            self._actors.end()
        except Exception as error:
            left = "look for processes that still train, and end them"
            logger.warning("segments could not be broken off: %s: %s; %s", type(error).__name__, error, left)
            raise first from error
        self._is_ended = True

    # A segment, from its start to its end.

    def _step(self) -> None:
        if self._clock.started:
            self._decide()
        else:
            self._go_on()
            self._clock.start()
        self._ask_policy |= self._attendance.watch()
        self._states.discard()
        self._decide()
        self._record_resources()
        for segment in self._to_start:
            self._actors.start(segment.trial, segment.worker)
        self._to_start.clear()
        if not self._stopping.error:
            self._check_stalled()
        elif not self._dispatcher.state.running:
            self._states.settle()
            self._actors.end()

    def _record_resources(self) -> None:
        """Record what nodes use, while there is something to train. No decision depends on it."""
        taken, now = self._resources.take(), self._clock.now()
        if not taken or self._dispatcher.state.finished:
            return
        for node, use in taken:
            self._dispatcher.record(ResourcesSampled(now, node, *use))
        self._dispatcher.commit()

    def _decide(self) -> None:
        """Ask the policy, if it should be asked now. Its answer is recorded before any other
        event."""
        now, wake_at = self._clock.now(), self._dispatcher.wake_at
        if self._stops_in_order():
            return
        if self._ask_policy:
            self._ask_policy = False
            self._to_start += self._carry_out(self._dispatcher.dispatch(now))
        elif wake_at is not None and now >= wake_at:
            self._to_start += self._carry_out(self._dispatcher.wake(now))

    def _carry_out(self, decided: Decided, ending: TrialId | None = None) -> list[Segment]:
        """Stop what the policy stops. Returns what it starts.

        The actor of the trial `ending`, whose segment just ends, stops this trial itself. When
        nothing is left to train, the actors still exist, so that they can write what is wanted.
        """
        if self._dispatcher.state.finished:
            self._states.settle()
        for trial in decided.stops:
            self._pbt.complete(trial)
            if trial != ending:
                self._actors.stop(trial)
        return self._packages.begin(decided.starts)

    def _check_stalled(self) -> None:
        """If nothing runs and trials wait, the policy is stalled. While nodes are away that may be
        temporary."""
        state = self._dispatcher.state
        if state.running or not state.ready or self._nodes.may_return:
            return
        if not state.workers:
            reasons = "; ".join(self._nodes.absences.values())
            waiting = counted(len(state.ready), "trial")
            raise HetschedError(
                f"no worker is left, with {waiting} not done: {reasons}; start nodes again, then resume the run"
            )
        self._dispatcher.check_stalled()

    def _started(self, trial: TrialId, fresh: bool) -> None:
        segment = self._dispatcher.state.running.get(trial)
        if segment is None:
            return
        if fresh:
            self._times.actor_is_ready(self._as_begun(segment), self._clock.now())
            self._states.actor_is_ready(segment.worker)
        self._assign(segment)

    def _as_begun(self, segment: Segment) -> Segment:
        """The segment with the time at which its worker began with it. In a package that is later
        than its start."""
        return replace(segment, time=self._packages.since(segment))

    def _assign(self, segment: Segment) -> None:
        trial = self._dispatcher.state.trials[segment.trial]
        checkpoints = self._states.checkpoints
        total = trial.iterations + segment.iterations
        restore = checkpoints.latest(trial.id)
        self._attempts += 1
        self._attempt_of[trial.id] = self._attempts
        assignment = Assignment(
            trial=trial.id,
            batch_size=trial.kind.batch_size,
            hyperparameters=dict(trial.hyperparameters),
            seed=_training_seed(self._seed, trial.id),
            iterations=segment.iterations,
            total=total,
            restore=restore,
            save=checkpoints.path(trial.id, total),
            copy=None if restore is None else checkpoints.copy(restore),
            attempt=self._attempts,
        )
        self._actors.assign(assignment)

    def _ended(self, trial: TrialId, result: SegmentResult) -> Next:
        dispatcher, state, now = self._dispatcher, self._dispatcher.state, self._clock.now()
        segment = state.running.get(trial)
        expected = self._attempt_of.get(trial)
        if segment is None or expected != result.attempt:
            found = f"expected attempt {expected or 'none'}, found {result.attempt}; nothing is to be done"
            logger.warning("a result of trial %s came late or twice; it does not count: %s", trial, found)
            return Next.IGNORED
        del self._attempt_of[trial]
        self._decide()
        self._check_place(segment, result)
        score, further = divided(state.experiments[state.trials[trial].experiment], trial, result.metrics)
        begun = self._as_begun(segment)
        parts = self._times.parts(begun, now, result)
        self._states.hold(segment, self._attendance.there[segment.worker])
        ended = SegmentEnded(
            now, trial, segment.worker, segment.iterations, score, parts, metrics=further, segment=segment.segment
        )
        if result.late_s:  # msgspec leaves a default out of the log if it is the same object
            ended = replace(ended, late_s=result.late_s)
        if segment.package:
            ended = replace(ended, worked=(begun.time, now))
        self._go_on_with(self._packages.end(segment, (segment, ended), now), trial)
        return self._go_on_after(segment, self._carry_out(dispatcher.dispatch(now), trial))

    def _go_on_with(self, turn: Turn[tuple[Segment, SegmentEnded]], ending: TrialId | None = None) -> None:
        """Report the results of a package, and start the worker's next segment.

        The trial `ending`, whose segment just ends, is still with its actor. The actor stops this
        trial itself.
        """
        if turn.next is not None:
            self._to_start.append(turn.next)
        for segment, ended in turn.report:
            self._take_in(segment, replace(ended, time=self._clock.now()))
            if segment.trial != ending and self._dispatcher.state.trials[segment.trial].completed is not None:
                self._actors.stop(segment.trial)

    def _take_in(self, segment: Segment, ended: SegmentEnded) -> None:
        """Record a result."""
        dispatcher, trial = self._dispatcher, segment.trial
        reached = dispatcher.state.trials[trial].iterations + segment.iterations
        dispatcher.end_segment(ended, self._pbt.report)
        self._failures.succeeded(segment, reached, dispatcher.state.trials[trial])
        self._states.discard()
        if dispatcher.state.trials[trial].completed is not None:
            self._pbt.complete(trial)

    def _go_on_after(self, segment: Segment, starts: list[Segment]) -> Next:
        """What the actor does after a segment. If one of `starts` is on its worker, it is assigned
        at once."""
        here = (segment.trial, segment.worker)
        self._to_start += [start for start in starts if (start.trial, start.worker) != here]
        for start in starts:
            if (start.trial, start.worker) == here:
                self._assign(start)
                return Next.GOES_ON
        if self._dispatcher.state.trials[segment.trial].completed is not None:
            return Next.COMPLETED
        return Next.WAITS

    def _check_place(self, segment: Segment, result: SegmentResult) -> None:
        ray_node = self._attendance.there[segment.worker]
        if (result.worker, result.ray_node) != (segment.worker, ray_node):
            raise HetschedError(
                f"trial {segment.trial!r} was sent to worker {segment.worker!r} on Ray node {ray_node} and trained on "
                f"{result.worker!r}, Ray node {result.ray_node}: this version of Ray does not place trials as "
                "expected; install a version that hetsched[real] asks for"
            )

    # What goes wrong, and how the run ends and goes on.

    def _failed(self, trial: TrialId, failure: Failure) -> None:
        segment = self._dispatcher.state.running.get(trial)
        if segment is None:
            return
        self._decide()
        self._ask_policy = True
        self._attempt_of.pop(trial, None)
        self._to_start = [start for start in self._to_start if start.trial != trial]
        self._dispatcher.lose_segment(self._clock.now(), trial, failure.reason)
        self._times.forget(segment.worker)
        self._states.expect_no_file(segment.worker)
        self._failures.failed(segment, failure)
        self._go_on_with(self._packages.lose(segment, self._clock.now()))  # nothing, if the worker has left

    def _forget(self, worker: WorkerId) -> None:
        """The worker is gone: nothing starts there any more."""
        self._to_start = [segment for segment in self._to_start if segment.worker != worker]
        self._packages.forget(worker)
        self._states.forget(worker)
        self._times.forget(worker)

    def _stops_in_order(self) -> bool:
        """Whether the run is to stop. Then no worker begins a segment, and a package ends with its
        running segment."""
        if self._stopping.error is None:
            return False
        now = self._clock.now()
        for worker in self._dispatcher.state.workers:
            for segment in self._packages.give_back(worker):
                self._dispatcher.lose_segment(now, segment.trial, self._stopping.reason)
        for worker in list(self._dispatcher.state.serving):
            self._dispatcher.record(WorkerDraining(now, worker, now, self._stopping.reason))
        self._dispatcher.commit()
        return True

    def _go_on(self) -> None:
        """Bring PBT and the trials to the state at the end of the earlier drivers' log."""
        state = self._dispatcher.state
        if (missing := recall(self._past, self._pbt)) is not None:
            trial, exploit = missing
            self._dispatcher.exploit(self._clock.now(), trial, *exploit)
        for known in state.trials.values():
            self._pbt.follow_log(known.id, dict(known.hyperparameters))
            if known.completed is not None:
                self._pbt.complete(known.id)
                self._actors.stop(known.id)
        self._dispatcher.commit()
        self._states.fall_back_from_memory()


def driver_of(
    course: Course,
    place: Place,
    seed: int,
    workers: Sequence[Worker],
    nodes: Nodes,
    actors: Actors,
    pbt: PBT,
    resources: Resources,
    past: Sequence[AnyEvent],
) -> Driver:
    """The driver of a run that keeps its checkpoints in `place`."""
    dispatcher, checkpoints, _, stopping, clock, log = course
    states = TrialStates(place, checkpoints, log, dispatcher, actors, pbt, stopping, clock)
    known = {worker.id: worker for worker in workers}
    return Driver(seed, known, dispatcher, states, nodes, stopping, clock, actors, pbt, resources, past)
