"""The moments of a run at which its policy was asked, as its log tells them, and what it decided."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hetsched.core.decisions import SchedulingPolicy
from hetsched.core.dispatcher import STOPPED_BY, Dispatcher
from hetsched.core.events import (
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
from hetsched.core.state import State
from hetsched.domain.profiles import StepTimes
from hetsched.errors import PolicyError

UNASKED = (WorkerSlowed, WorkerDraining)
"""After these alone a policy is not asked."""


class Moment(NamedTuple):
    """What happened, and what the policy, which was asked then, decided. `line` is the log's at which the decisions
    begin. If it is `last`, the driver may have died before it could write down all of them."""

    happened: list[Event]
    decided: list[Event]
    line: int
    last: bool


def parts(events: Sequence[Event], begin: int = 0) -> list[int]:
    """Where the parts of a log begin, from that event on, and where it ends: each is the work of one driver."""
    starts = (number for number, event in enumerate(events) if isinstance(event, RunResumed) and number > begin)
    return [begin, *starts, len(events)]


def moments(events: Sequence[Event], first: int = 0) -> Iterator[Moment]:
    """The moments of a part of a log that begins at that event."""
    happened: list[Event] = []
    decided: list[Event] = []
    line = first
    before: Event | None = None
    for number, event in enumerate(events, start=first + 1):
        if isinstance(event, RunEnded):
            continue
        asked = any(not isinstance(e, UNASKED) for e in happened)
        if asked and before is not None and _asks_between(before, event, decided):
            yield Moment(happened, decided, line, False)
            happened, decided = [], []
        if not decided:
            line = number
        (decided if is_decision(event) else happened).append(event)
        before = event
    if happened:
        yield Moment(happened, decided, line, True)


def is_decision(event: Event) -> bool:
    """Whether the event is what a policy decided."""
    of_policy = isinstance(event, TrialCompleted) and event.reason.startswith(STOPPED_BY)
    return of_policy or isinstance(event, SegmentStarted)


def _asks_between(before: Event, event: Event, decided: list[Event]) -> bool:
    """Whether the policy was asked between the two events, of which the second is not yet its answer: it is asked at
    the end of every segment, at every wake-up, and when the backend has recorded all else that happened at one time."""
    if is_decision(event):
        return False
    if decided or isinstance(event, SegmentEnded | PolicyWoken) or event.time != before.time:
        return True
    of_segment = SegmentEnded | TrialExploited | TrialCompleted | PolicyWoken
    return isinstance(before, of_segment) and not isinstance(event, TrialExploited | TrialCompleted)


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
        due, where = moment.decided, f"line {moment.line} of the log"
        while due or not moment.last:
            made.clear()
            failure = None
            try:
                asked.dispatch(due[0].time if due else asked.state.now)
            except PolicyError as error:
                failure = f"{where}: {error}"
            matched, due = due[: len(made)], due[len(made) :]
            if moment.last and not due and made[: len(matched)] == matched:
                return None
            if failure is not None:
                return failure
            if made != matched or (due and not made):
                return (
                    f"{where}: policy {asked.policy_name!r} decided {told(moment.decided)} at {asked.state.now:.3f} s, "
                    f"and asked again it decides {told(made)}: it was changed, or does not follow from what it sees"
                )
            if not due:
                return None
        return None
