"""Replay: a run's measured durations and scores, fed to its policy on the simulator's clock.

The policy is made anew and must take the decisions of the log, one by one. A segment that it starts ends after as long
as the log's took; what does not follow from decisions (workers that come and go, lost segments, wake-ups, arrivals)
happens when it did. PBT's exploits are Ray's own in a real run and taken from the log.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import simpy

from hetsched.core.asked_again import AskedAgain, PolicyCall, parts_by_driver, policy_calls
from hetsched.core.events import AnyEvent, Event, RunResumed, RunStarted, SegmentEnded, SegmentLost, SegmentStarted
from hetsched.core.state import state_of
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Replayed
from hetsched.studies.beginning import set_up


def replay(setup: Setup, events: Sequence[AnyEvent]) -> Replayed:
    """Replay the log of a run of the scenario.

    Raises InputError for a log that has no beginning or is damaged, and for one whose policy was replaced on the way.
    """
    return Replay(setup, events).run()


class Replay:
    """One replay. Times are exact fractions, so that sums of durations cannot change the order of what happens."""

    def __init__(self, setup: Setup, events: Sequence[AnyEvent]) -> None:
        if not events or not isinstance(events[0], RunStarted):
            raise InputError("the log does not begin with the start of a run: there is nothing to replay")
        for event in events:
            if isinstance(event, RunResumed) and event.forgot is not None:
                raise InputError(
                    f"the policy of this run was replaced at {event.time:.3f} s: no one policy can take its decisions"
                )
        state_of(events)  # what a damaged log lacks is said before anything is made of it
        self._begun = events[0]
        strategy = parse_strategy(self._begun.strategy, "the run's strategy")
        times = setup.charged_times if self._begun.backend == "sim" else setup.times
        self._again = AskedAgain(setup.scenario.scheduling_policy(strategy), strategy.scheduling, times)
        set_up(self._again.dispatcher, setup, strategy, self._begun.seed)
        self._calls = [
            call for first, end in pairwise(parts_by_driver(events)) for call in policy_calls(events[first:end], first)
        ]
        self._started = _starts(events)
        self._ends = {end: number for number, call in enumerate(self._calls) if (end := _end(call)) is not None}
        self._env = simpy.Environment(Fraction(0))  # type: ignore[arg-type]
        self._alike = 0
        self._difference: str | None = None
        self._makespan_s = 0.0

    def run(self) -> Replayed:
        for number, call in enumerate(self._calls):
            if _end(call) is None:
                self._at(Fraction((call.decided or call.happened[-1:])[0].time), number)
        self._env.run()
        ended = [event.time for call in self._calls for event in call.happened if isinstance(event, SegmentEnded)]
        return Replayed(
            self._begun.strategy,
            self._begun.seed,
            sum(len(call.decided) for call in self._calls),
            self._alike,
            self._difference,
            max(ended, default=0.0),
            self._makespan_s if self._difference is None else None,
        )

    def _at(self, time: Fraction, number: int) -> None:
        """The call is made at that time; of several at one time, the first of the log is first."""
        event: Any = self._env.event()
        event._ok, event._value = True, number
        event.callbacks.append(self._happen)
        self._env.schedule(event, priority=number, delay=time - self._env.now)  # type: ignore[arg-type]

    def _happen(self, event: simpy.Event) -> None:
        if self._difference is not None:
            return
        call = self._calls[event._value]
        if _end(call) is not None:
            self._makespan_s = float(self._env.now)
        self._difference = self._again.difference(call)
        if self._difference is not None:
            return
        self._alike += len(call.decided)
        for decision in call.decided:
            if isinstance(decision, SegmentStarted) and (end := self._started.get(_key(decision))) is not None:
                duration_s = Fraction(end.time) - Fraction(decision.time)
                self._at(Fraction(decision.time) + duration_s, self._ends[end])


def _starts(events: Sequence[Event]) -> dict[tuple[TrialId, float], SegmentEnded]:
    """How every segment ended that did, by its trial and when it started."""
    running: dict[TrialId, SegmentStarted] = {}
    found = {}
    for event in events:
        if isinstance(event, SegmentStarted):
            running[event.trial] = event
        elif isinstance(event, SegmentLost):
            running.pop(event.trial, None)
        elif isinstance(event, SegmentEnded):
            found[_key(running.pop(event.trial))] = event
    return found


def _key(started: SegmentStarted) -> tuple[TrialId, float]:
    return started.trial, started.time


def _end(call: PolicyCall) -> SegmentEnded | None:
    """The end of a segment, if it was for that that the policy was asked."""
    return next((event for event in call.happened if isinstance(event, SegmentEnded)), None)
