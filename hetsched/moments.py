"""The moments of a run at which its policy was asked, as its log tells them, and what it decided."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hetsched.dispatcher import STOPPED_BY, Dispatcher
from hetsched.errors import PolicyError
from hetsched.events import (
    Event,
    PolicyWoken,
    RunEnded,
    RunResumed,
    SegmentEnded,
    SegmentStarted,
    TrialCompleted,
    TrialExploited,
    WorkerDraining,
    WorkerSlowed,
)
from hetsched.profiles import StepTimes
from hetsched.scheduling.policy import SchedulingPolicy
from hetsched.state import State

UNASKED = (WorkerSlowed, WorkerDraining)
"""After these alone a policy is not asked."""


class Moment(NamedTuple):
    """What happened, and what the policy, which was asked then, decided. `line` is the log's at which the decisions
    begin. If it is `last`, the driver may have died before it could write down all of them."""

    happened: list[Event]
    decided: list[Event]
    line: int
    last: bool


def moments(events: Sequence[Event], begin: int = 0) -> Iterator[Moment]:
    """The moments from the `begin`-th event on."""
    happened: list[Event] = []
    decided: list[Event] = []
    line = 0
    before: Event | None = None
    for number, event in enumerate([*events[begin:], None], start=begin):
        if isinstance(event, RunEnded):
            continue
        at_end = event is None or isinstance(event, RunResumed)
        if any(not isinstance(e, UNASKED) for e in happened) and (at_end or _asks_before(before, event, decided)):
            yield Moment(happened, decided, line if decided else number, at_end)
            happened, decided = [], []
        if event is None:
            return
        if not is_decision(event):
            happened.append(event)
        else:
            line = line if decided else number + 1
            decided.append(event)
        before = event


def is_decision(event: Event) -> bool:
    """Whether the event is what a policy decided."""
    of_policy = isinstance(event, TrialCompleted) and event.reason.startswith(STOPPED_BY)
    return of_policy or isinstance(event, SegmentStarted)


def _asks_before(before: Event | None, event: Event | None, decided: list[Event]) -> bool:
    """Whether the policy was asked between the two events, of which the second is not yet its answer: it is asked at
    the end of every segment, at every wake-up, and when the backend has recorded all else that happened at once."""
    if event is None or is_decision(event):
        return False
    if decided or isinstance(event, SegmentEnded | PolicyWoken):
        return True
    of_segment = SegmentEnded | TrialExploited | TrialCompleted | PolicyWoken
    goes_on = isinstance(event, TrialExploited | TrialCompleted)
    return before is not None and (event.time != before.time or (isinstance(before, of_segment) and not goes_on))


def told(decisions: Iterable[Event]) -> str:
    """Decisions in words."""
    return ", ".join(map(_phrase, decisions)) or "nothing"


def _phrase(decision: Event) -> str:
    if isinstance(decision, SegmentStarted):
        return f"{decision.iterations} iterations of {decision.trial} on {decision.worker}"
    assert isinstance(decision, TrialCompleted)
    return f"to stop {decision.trial}"


class Again:
    """A policy that is asked again at the moments of a run."""

    def __init__(self, policy: SchedulingPolicy, name: str, times: StepTimes) -> None:
        self._made: list[Event] = []
        self.dispatcher = Dispatcher(State(), policy, name, times, listen=self._listen)

    def _listen(self, state: State, event: Event) -> None:
        self._made.append(event)

    def difference(self, moment: Moment) -> str | None:
        """Ask the policy at the next moment; how what it decides differs from the log, None if it does not."""
        asked, made = self.dispatcher, self._made
        for event in moment.happened:
            asked.record(event)
        due = deque(moment.decided)
        while due or not moment.last:
            made.clear()
            try:
                asked.dispatch(due[0].time if due else asked.state.now)
            except PolicyError as error:
                return f"line {moment.line} of the log: {error}"
            matched = [due.popleft() for _ in range(min(len(due), len(made)))]
            cut_off = moment.last and not due
            if made[: len(matched)] != matched or (len(made) > len(matched) and not cut_off) or (due and not made):
                return (
                    f"line {moment.line} of the log: policy {asked.policy_name!r} decided {told(moment.decided)} at "
                    f"{asked.state.now:.3f} s, and asked again it decides {told(made)}: it was changed, or does not "
                    "follow from what it sees"
                )
            if not due:
                return None
        return None
