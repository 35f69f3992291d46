"""The dispatcher asks the policy, refuses invalid decisions and records events. It is the same for
every backend.

A backend owns time and work. It tells the dispatcher what happened and starts what the dispatcher
returns.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from numbers import Real
from time import perf_counter
from typing import Protocol, runtime_checkable

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from hetsched.core.decisions import (
    MOST_WAKES,
    Decision,
    Dispatch,
    SchedulingPolicy,
    SetUp,
    Stop,
    WakeAt,
    in_own_types,
    no_decisions,
    taken,
)
from hetsched.core.events import (
    STOPPED_BY,
    Event,
    ExperimentArrived,
    PolicyAsked,
    PolicyWoken,
    ResourcesSampled,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
)
from hetsched.core.log import LogWriter
from hetsched.core.lost_work import TakenBack
from hetsched.core.refusals import check_end, not_ready, refusal_to_start, running_segment
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec, Worker
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.metric import MOST_SCORE, as_float, finite
from hetsched.domain.plain import plain
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment, TrialId, Workload
from hetsched.errors import RAISED, HetschedError, PolicyError, counted, where

Perturb = Callable[[Trial], tuple[TrialId, Hyperparameters] | None]
"""PBT at the end of a trial's segment: the trial to exploit and the new hyperparameters, or
None."""

Listener = Callable[[State, Event], None]
"""Receives every event, after the event was applied to the state."""


@runtime_checkable
class Recalls(Protocol):
    """A listener that receives what happened under earlier drivers of the run through `recall`."""

    def recall(self, state: State, event: Event) -> None: ...


SOONEST_WAKE_S = 0.001
"""Seconds: the shortest wait until a wake-up. Without it wake-ups could keep time from
advancing."""

LONGEST_WAKE_S = 1e12
"""Seconds: a wake-up that is farther away never comes. The policy is then not woken."""

FRUITLESS_WAKES = 1000
"""This many wake-ups in a row without a decision, while nothing runs and nothing comes, count as a
stall."""

FRUITLESS_IN_ALL = 10 * FRUITLESS_WAKES
"""This many count as a stall, though workers came in between. They may come and go for ever."""


class Decided(Struct, gc=False):
    """What the policy decided, validated and recorded: segments to start, and trials that it
    stopped."""

    starts: list[SegmentStarted]
    stops: list[TrialId]


class Dispatcher:
    """Applies events to the state, writes them to the log, and turns a policy's decisions into
    segments.

    Any backend can drive it, by ask and tell. examples/own_backend.py is one in 90 lines. A backend
    does this:

    - Before the run it calls `record(WorkerJoined(...))` for each worker, `set_up`, and `arrive`
      for each experiment.
    - After every moment with an event it calls `dispatch(time)`, and starts the segments in
      `starts`.
    - It calls `end_segment` for a segment that ended, `lose_segment` for one that broke, and
      `record` for a worker that comes or leaves.
    - It runs the segments of one `package` one after another, and records their ends together (see
      `OpenPackages`).
    - At `wake_at` it calls `wake(time)`.
    - When nothing is left to happen it calls `check_stalled()`. The run is over when the state is
      `finished`.

    `policy_name` names the policy in errors. `decision_s` and `decisions` measure the policy's own
    time on this host (seconds in `setup` and `dispatch`, calls of `dispatch`); neither is part of
    the run's time. `wake_at` is when the policy wants to be asked again at the latest (seconds
    since the start of the run). It is None if the policy did not say, or named a time that never
    comes (see `LONGEST_WAKE_S`). `listeners` receive every event, in their
    order (see `Listener` and `Recalls`).
    """

    def __init__(
        self,
        state: State,
        policy: SchedulingPolicy,
        policy_name: str,
        times: StepTimes,
        log: LogWriter | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.state = state
        self.policy_name = policy_name
        self.decisions = 0
        self.decision_s = 0.0
        self.wake_at: float | None = None
        self._fruitless = 0
        self._fruitless_in_all = 0
        self._unanswered = True  # something was recorded since the policy decided
        self._taken_back = TakenBack()
        self._policy = policy
        self._times = times
        self.commit = log.commit if log is not None else _nothing
        """Called when what was recorded so far is complete (see `LogWriter`)."""
        self._apply = state.apply
        self._recall = _one_of_all([partial(_recalling(listener), state) for listener in listeners])
        told: list[Callable[[Event], None]] = [] if log is None else [log.write]
        self._tell = _one_of_all([*told, *(partial(listener, state) for listener in listeners)])
        self._view = StateView(state, times)

    def set_up(self, cluster: ClusterSpec, workload: Workload, rng: np.random.Generator) -> None:
        """Call the policy's `setup`, if it has one. Raises PolicyError if the policy raises."""
        if isinstance(self._policy, SetUp):
            present = Workload(tuple(e for e in workload.experiments if e.arrival_s == 0))
            started = perf_counter()
            try:
                self._policy.setup(cluster, present, self._times, rng)
            except RAISED as error:
                raise PolicyError(f"{self._raised(error)} in setup{where(error)}: {error}") from error
            self.decision_s += perf_counter() - started

    def record(self, event: Event) -> None:
        """Something happened: apply it to the state and append it to the log."""
        self._apply(event)
        self._tell(event)
        if type(event) is not ResourcesSampled:  # which policies do not see
            self._unanswered = True
        if type(event) is WorkerJoined:
            self._fruitless = 0
        elif type(event) is ExperimentArrived:
            self._fruitless = self._fruitless_in_all = 0

    def remember(self, events: Iterable[Event]) -> None:
        """Pass on events of earlier drivers, which are in the log already."""
        for event in events:
            self._apply(event)
            self._recall(event)

    def arrive(self, time: float, experiment: Experiment, seed: int) -> None:
        """An experiment arrived, with the starting population of `seed`."""
        self.record(ExperimentArrived(time, experiment))
        for number, (trial, hyperparameters) in enumerate(experiment.initial_hyperparameters(seed).items()):
            kind = experiment.kind_with(hyperparameters, experiment.kind(number))
            self.record(TrialAdded(time, trial, experiment.id, kind.batch_size, hyperparameters))

    def end_segment(self, ended: SegmentEnded, perturb: Perturb) -> Trial:
        """A segment ended: record its result, then apply the stop rule, else PBT. Returns the
        segment's trial. The caller calls `dispatch` next, which commits all of it to the log.

        The order is fixed here, so that every backend and every replay takes the same decisions. A
        score that is not finite counts as unknown. A segment without a number gets the number of
        its start. Raises HetschedError if no such segment runs.
        """
        state, name = self.state, ended.trial
        started = running_segment(state, name)
        if not ended.segment:
            ended = replace(ended, segment=started.segment)
        check_end(state, started, ended)
        if ended.score is not None and not (type(ended.score) is float and abs(ended.score) <= MOST_SCORE):
            ended = replace(ended, score=finite(ended.score))
        self._apply(ended)
        self._tell(ended)
        self._unanswered = True
        trial = state.trials[name]
        reason = state.stop_reason(trial)
        if reason is not None:
            self.record(TrialCompleted(ended.time, name, reason))
        elif exploit := perturb(trial):
            self.exploit(ended.time, name, *exploit)
        else:
            return trial
        return state.trials[name]

    def exploit(self, time: float, name: TrialId, source: TrialId, hyperparameters: Hyperparameters) -> None:
        """PBT: the trial copies the source. A trial that gets the source's count may stop by this
        count at once.

        Raises HetschedError if copies have taken the trial back so often that the run cannot end.
        """
        before = self.state.trials[name].iterations
        self.record(TrialExploited(time, name, source, hyperparameters))
        trial = self.state.trials[name]
        if trial.iterations < before:
            self._taken_back.count(name, before)
        if self.state.experiments[trial.experiment].counts_lineage and (reason := self.state.stop_reason(trial)):
            self.record(TrialCompleted(time, name, reason))

    def lose_segment(self, time: float, trial: TrialId, reason: str) -> None:
        """A running segment broke; the trial is ready again, at its last checkpoint."""
        segment = running_segment(self.state, trial)
        self.record(SegmentLost(time, trial, segment.worker, reason, segment.segment))
        self.commit()

    def dispatch(self, time: float) -> Decided:
        """The policy's decisions for this moment, validated and recorded. The policy is asked if a
        worker is idle and a trial ready. Otherwise nothing is decided, and `wake_at` stays.

        Raises PolicyError if the policy raises or a decision is refused. The message names the
        policy and the decision.
        """
        state, decided = self.state, Decided([], [])
        if not state.idle or not state.ready:
            self.commit()
            return decided
        decisions = self._ask(time)
        starts, tells = decided.starts, self._unanswered
        if not tells:  # its decisions would look like the answer to the call before
            self.record(PolicyAsked(time))
        for decision in decisions:
            if isinstance(decision, Dispatch):
                decision = in_own_types(decision)
                refusal = refusal_to_start(state, decision)
                if refusal is not None:
                    raise self._refused(decision, refusal)
                number = state.started + 1
                package = number if decision.then else 0
                start = SegmentStarted(
                    time, decision.trial, decision.worker, decision.iterations, decision.others, number, package
                )
                self._apply(start)
                self._tell(start)
                starts.append(start)
                if package:
                    starts += self._follow_up(start, decision.then)
            else:
                self._decide_otherwise(time, decision, decided)
        if tells and not starts and not decided.stops:
            self.record(PolicyAsked(time))
        self._unanswered = False
        self._count(in_vain=not state.running and not decided.stops)
        self.commit()
        return decided

    def _count(self, in_vain: bool) -> None:
        self._fruitless = self._fruitless + 1 if in_vain else 0
        self._fruitless_in_all = self._fruitless_in_all + 1 if in_vain else 0

    def _follow_up(self, first: SegmentStarted, then: Iterable[TrialId]) -> Iterator[SegmentStarted]:
        """The further segments of a package, recorded."""
        for name in then:
            trial = self.state.trials[name]
            experiment = self.state.experiments[trial.experiment]
            iterations = min(experiment.interval, experiment.stop_iterations - trial.iterations)
            start = replace(first, trial=name, iterations=iterations, segment=self.state.started + 1)
            self.record(start)
            yield start

    def _ask(self, time: float) -> list[Decision]:
        """The policy's answer, before it is validated. It replaces `wake_at`."""
        started, self.wake_at = perf_counter(), None
        try:
            decisions = self._policy.dispatch(self._view)
            if type(decisions) is not list and isinstance(decisions, Iterable):
                decisions = taken(iter(decisions), self._most())
        except RAISED as error:
            raise PolicyError(f"{self._raised(error)} at {time:.3f} s{where(error)}: {error}") from error
        if type(decisions) is not list:
            raise PolicyError(f"policy {self.policy_name!r} at {time:.3f} s: {no_decisions(decisions)}")
        if len(decisions) > MOST_WAKES and len(decisions) > (most := self._most()) + MOST_WAKES:
            expected = f"expected at most {most - 2}, for idle workers and ready trials, and a WakeAt"
            told = f"dispatch returned over {most + MOST_WAKES} decisions, {expected}"
            raise PolicyError(f"policy {self.policy_name!r} at {time:.3f} s: {told}")
        self.decision_s += perf_counter() - started
        self.decisions += 1
        return decisions

    def _most(self) -> int:
        """One more than all decisions that can be carried out: see `taken`."""
        return len(self.state.idle) + len(self.state.ready) + 2

    def _decide_otherwise(self, time: float, decision: object, decided: Decided) -> None:
        if isinstance(decision, Stop):
            refusal = not_ready(self.state, decision.trial)
            if refusal is None and not isinstance(decision.reason, str):
                refusal = "the reason must be a text"
            if refusal is not None:
                raise self._refused(decision, refusal)
            reason = f"{STOPPED_BY}{self.policy_name}: {decision.reason}"
            trial = plain(decision.trial)
            self.record(TrialCompleted(time, trial, reason))
            decided.stops.append(trial)
        elif isinstance(decision, WakeAt):
            wanted = as_float(decision.time) if isinstance(decision.time, Real) else None
            if wanted is None:
                raise self._refused(decision, "the time must be a number of seconds")
            at = max(wanted, time + SOONEST_WAKE_S)
            if time < at <= time + LONGEST_WAKE_S:  # else the clock never gets there
                self.wake_at = at if self.wake_at is None else min(at, self.wake_at)
        else:
            expected = "Dispatch(trial, worker, iterations), Stop(trial, reason) or WakeAt(time)"
            raise self._refused(decision, f"a policy returns {expected}")

    def _refused(self, decision: object, reason: str) -> PolicyError:
        return PolicyError(f"policy {self.policy_name!r} decided {decision}: refused: {reason}")

    def _raised(self, error: BaseException) -> str:
        return f"policy {self.policy_name!r} raised {type(error).__name__}"

    def wake(self, time: float) -> Decided:
        """It is `wake_at`: ask the policy again."""
        self.wake_at = None
        self.record(PolicyWoken(time))
        return self.dispatch(time)

    def check_stalled(self, returning: Collection[Worker] = ()) -> None:
        """Raise an error if trials wait while nothing runs: without it the run would hang.

        A backend calls this when nothing is left to happen that could make the policy decide again,
        or only that these workers return. Raises HetschedError if no policy could start any of the
        trials, because the workers that they need are gone; else PolicyError.
        """
        in_vain = self._fruitless >= FRUITLESS_WAKES or self._fruitless_in_all >= FRUITLESS_IN_ALL
        waits = self.wake_at is not None and not in_vain
        if self.state.ready and not self.state.running and not waits:
            left_over = self.state.serving.values()
            possible = self._can_run_some(left_over)
            if returning and not (possible and in_vain) and self._can_run_some([*left_over, *returning]):
                return
            if not possible:
                left, waiting = ", ".join(self.state.serving) or "no worker", counted(len(self.state.ready), "trial")
                raise HetschedError(
                    f"at {self.state.now:.3f} s {waiting} wait, and none of them can run on what is left ({left}): "
                    "the workers that they need are gone; let nodes return, or trials use other devices"
                )
            idle, ready = counted(len(self.state.idle), "worker"), counted(len(self.state.ready), "trial")
            raise PolicyError(
                f"policy {self.policy_name!r} is stalled at {self.state.now:.3f} s: it left {idle} idle and {ready} "
                "waiting, and nothing runs"
            )

    def _can_run_some(self, workers: Collection[Worker]) -> bool:
        """Whether these workers would be enough for some waiting trial if all of them were idle."""
        return any(self._are_enough(workers, trial) for trial in self.state.ready)

    def _are_enough(self, workers: Collection[Worker], trial: Trial) -> bool:
        usable = Counter(worker.type for worker in workers if self._view.usable(trial, worker))
        return max(usable.values(), default=0) >= self.state.experiments[trial.experiment].gang


def _nothing() -> None:
    """There is no log to commit to."""


def _recalling(listener: Listener) -> Listener:
    return listener.recall if isinstance(listener, Recalls) else listener


def _one_of_all(followers: Sequence[Callable[[Event], None]]) -> Callable[[Event], None]:
    """One function that calls all followers. A single follower is returned itself, to save a call
    per event."""
    if len(followers) == 1:
        return followers[0]

    def tell_all(event: Event) -> None:
        for follow in followers:
            follow(event)

    return tell_all
