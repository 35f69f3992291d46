"""The calls of a run's policy, as the log records them, and the same policy called again at those
times."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hetsched.core.decisions import SchedulingPolicy
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    Event,
    PolicyAsked,
    RunEnded,
    RunResumed,
    RunStarted,
    SegmentEnded,
    SegmentStarted,
    TrialCompleted,
)
from hetsched.core.state import State
from hetsched.domain.profiles import StepTimes
from hetsched.errors import PolicyError

TELLS_SINCE = 2
"""The format since which `PolicyAsked` is recorded, so that a log says when the policy was
asked."""

UNTOLD = "the log is of format 1, which does not say when the policy was asked"
"""Why the policy of a run with an old log cannot be asked again."""


class PolicyCall(NamedTuple):
    """A piece of a log: events, and then at most one call of the policy.

    `time` is the time of the call, in seconds since the start of the run. `line` is the line of the
    log at which the answer begins. If the policy decided nothing, the call has no decisions. If the
    piece has no call, `asked` is False: the piece then ends before the end of another segment, or
    at the end of the log.

    The driver may have died before it had written all decisions of the `last` piece.
    """

    happened: list[Event]
    asked: bool
    decided: list[Event]
    time: float
    line: int
    last: bool


def parts_by_driver(events: Sequence[Event], begin: int = 0) -> list[int]:
    """The event numbers at which the parts of a log begin, from `begin` on, and the end of the log.
    One driver wrote each part."""
    starts = (number for number, event in enumerate(events) if isinstance(event, RunResumed) and number > begin)
    return [begin, *starts, len(events)]


def tells_when_asked(part: Sequence[Event]) -> bool:
    """Whether the driver of this part of a log recorded when its policy was asked."""
    begun = part[0] if part else None
    return isinstance(begun, RunStarted | RunResumed) and begun.log_version >= TELLS_SINCE


def policy_calls(events: Sequence[Event], first: int = 0) -> Iterator[PolicyCall]:
    """The calls of the policy in one driver's part of a log. The part begins at the event number
    `first` of the log."""
    call = PolicyCall([], False, [], 0.0, first, last=False)
    for number, event in enumerate(events, start=first + 1):
        if isinstance(event, RunEnded):
            continue
        decides = is_decision(event)
        answered = call.asked and not decides
        if answered or (call.happened and isinstance(event, SegmentEnded)):
            yield call
            call = PolicyCall([], False, [], event.time, number, last=False)
        if decides or isinstance(event, PolicyAsked):
            line = call.line if call.asked else number
            call = call._replace(asked=True, time=event.time, line=line)
        else:
            call = call._replace(time=event.time)
        if decides:
            call.decided.append(event)
        elif not isinstance(event, PolicyAsked):
            call.happened.append(event)
    if call.happened or call.asked:
        yield call._replace(last=True)


def is_decision(event: Event) -> bool:
    """Whether the event is a decision of a policy."""
    return isinstance(event, SegmentStarted) or (isinstance(event, TrialCompleted) and event.is_by_policy)


def in_words(decisions: Iterable[Event]) -> str:
    """Decisions in words."""
    return ", ".join(map(_phrase, decisions)) or "nothing"


def _phrase(decision: Event) -> str:
    if isinstance(decision, SegmentStarted):
        return f"{decision.iterations} iterations of {decision.trial} on {decision.worker}"
    assert isinstance(decision, TrialCompleted)
    return f"to stop {decision.trial}"


class AskedAgain:
    """A policy that is called again, call by call of one driver's part of a log. `past` is the log
    before that part.

    `untold` are the decisions of the last call that the log lacks, because the driver stopped
    before it had written them. The policy remembers these decisions all the same.
    """

    def __init__(self, policy: SchedulingPolicy, name: str, times: StepTimes, past: Iterable[Event] = ()) -> None:
        self.untold: list[Event] = []
        self._made: list[Event] = []
        self.dispatcher = Dispatcher(State(), policy, name, times, listeners=[self._listen])
        self.dispatcher.remember(past)

    def _listen(self, state: State, event: Event) -> None:
        if is_decision(event):
            self._made.append(event)

    def difference(self, call: PolicyCall) -> str | None:
        """Ask the policy as the next call did. Returns how its decisions differ from the log's;
        None: they do not."""
        asked, told = self.dispatcher, call.decided
        for event in call.happened:
            asked.record(event)
        if not call.asked:
            return None
        self._made.clear()
        failure = None
        try:
            asked.dispatch(call.time)
        except PolicyError as error:
            failure = str(error)
        made = self._made[: len(told)] if call.last else self._made
        self.untold = self._made[len(told) :] if call.last else []
        if made == told and (call.last or failure is None):
            return None
        return f"line {call.line} of the log: " + (
            failure
            or f"policy {asked.policy_name!r} decided {in_words(told)} "
            f"at {asked.state.now:.3f} s, and asked again it decides {in_words(self._made)}: "
            f"it was changed, or does not follow from what it sees"
        )
