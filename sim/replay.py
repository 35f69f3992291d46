"""Replay: a run's policy decides again with the durations and scores of the run's log, on the
simulator's clock.

A new policy must take the decisions of the log, one by one. A segment that it starts lasts as long
as in the log. Events that do not follow from decisions happen at their time in the log: workers
that come and go, lost segments, wake-ups, arrivals. PBT's exploits in a real run are Ray's own, and
come from the log.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

import simpy

from hetsched.core.applied_events import followed
from hetsched.core.asked_again import (
    UNTOLD,
    AskedAgain,
    PolicyCall,
    parts_by_driver,
    policy_calls,
    tells_when_asked,
)
from hetsched.core.events import (
    FAILED,
    SIMULATED,
    AnyEvent,
    Event,
    RunResumed,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
)
from hetsched.core.state import State
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Replayed
from hetsched.studies.beginning import set_up


def replay(setup: Setup, events: Sequence[AnyEvent]) -> Replayed:
    """Replay the log of a run of the scenario.

    Raises InputError for a log that has no beginning, is damaged or is too old, for one whose
    policy was replaced during the run, and for one without a decision.
    """
    return Replay(setup, events).run()


class Replay:
    """One replay. Times are exact fractions, so that sums of durations cannot change the order of
    events."""

    def __init__(self, setup: Setup, events: Sequence[AnyEvent]) -> None:
        if not events or not isinstance(events[0], RunStarted):
            raise InputError("the log does not begin with the start of a run: there is nothing to replay")
        for event in events:
            if isinstance(event, RunResumed) and event.forgot is not None:
                raise InputError(
                    f"the policy of this run was replaced at {event.time:.3f} s: no one policy can take its decisions"
                )
        state = State()
        for _ in followed(events, state):  # what a damaged log lacks is said before anything is made of it
            pass
        self._ended = state.ended
        parts = [(first, events[first:end]) for first, end in pairwise(parts_by_driver(events))]
        if not all(tells_when_asked(part) for _, part in parts):
            raise InputError(f"{UNTOLD}: run it again, or replay it with the version of hetsched that wrote it")
        self._calls: list[PolicyCall] = []
        self._pasts: dict[int, Sequence[Event]] = {}  # by the first call of each driver
        for first, part in parts:
            self._pasts[len(self._calls)] = events[:first]
            self._calls += policy_calls(part, first)
        if not any(call.decided for call in self._calls):
            raise InputError(_without_decisions(self._ended))
        self._begun = events[0]
        strategy = parse_strategy(self._begun.strategy, "the run's strategy")
        times = setup.charged_times if self._begun.backend == SIMULATED else setup.times
        self._ask_anew = partial(AskedAgain, setup.scenario.scheduling_policy(strategy), strategy.scheduling, times)
        self._again = self._ask_anew()
        set_up(self._again.dispatcher, setup, strategy, self._begun.seed)
        self._started = _starts(events)
        self._ends = {id(end): number for number, call in enumerate(self._calls) if (end := _end(call)) is not None}
        self._env = simpy.Environment(Fraction(0))  # type: ignore[arg-type]
        self._alike = 0
        self._difference: str | None = None
        self._makespan_s = 0.0

    def run(self) -> Replayed:
        for number, call in enumerate(self._calls):
            if _end(call) is None:
                self._at(Fraction(call.time), number)
        self._env.run()
        ended = [event.time for call in self._calls for event in call.happened if isinstance(event, SegmentEnded)]
        return Replayed(
            self._begun.strategy,
            self._begun.seed,
            self._begun.backend,
            sum(len(call.decided) for call in self._calls),
            self._alike,
            self._difference,
            max(ended, default=0.0),
            self._makespan_s if self._difference is None else None,
            self._ended,
            self._calls[-1].time,
        )

    def _at(self, time: Fraction, number: int) -> None:
        """Make the call at that time. Calls at one time are in the order of the log."""
        event: Any = self._env.event()
        event._ok, event._value = True, number
        event.callbacks.append(self._happen)
        self._env.schedule(event, priority=number, delay=time - self._env.now)  # type: ignore[arg-type]

    def _happen(self, event: simpy.Event) -> None:
        if self._difference is not None:
            return
        call = self._calls[event._value]
        if past := self._pasts.get(event._value):  # a driver may have died before the log had all that it decided
            self._again = self._ask_anew(past)
        if _end(call) is not None:
            self._makespan_s = float(self._env.now)
        self._difference = self._again.difference(call)
        if self._difference is not None:
            return
        self._alike += len(call.decided)
        for decision in call.decided:
            if isinstance(decision, SegmentStarted) and (end := self._started.get(id(decision))) is not None:
                duration_s = Fraction(end.time) - Fraction(decision.time)
                self._at(Fraction(decision.time) + duration_s, self._ends[id(end)])


def _starts(events: Sequence[Event]) -> dict[int, SegmentEnded]:
    """The end of every segment that ended, by the identity of its start. Two drivers may each start
    a segment of a trial at the same time."""
    running: dict[TrialId, SegmentStarted] = {}
    found = {}
    for event in events:
        if isinstance(event, SegmentStarted):
            running[event.trial] = event
        elif isinstance(event, SegmentLost):
            running.pop(event.trial, None)
        elif isinstance(event, SegmentEnded):
            found[id(running.pop(event.trial))] = event
    return found


def _without_decisions(ended: str | None) -> str:
    """Why a log that ends so has nothing to replay."""
    if ended is None:
        return "this log stops before the policy's first decision: there is nothing to replay"
    if ended.startswith(FAILED):
        return f"this run failed before its first decision: {ended.removeprefix(FAILED)}"
    return f"this run ended before its first decision: {ended}"


def _end(call: PolicyCall) -> SegmentEnded | None:
    """The end of the segment after which the policy was asked. None: it was asked after something
    else."""
    return next((event for event in call.happened if isinstance(event, SegmentEnded)), None)
