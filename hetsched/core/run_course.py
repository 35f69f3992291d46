"""The course of a run in its log: it begins once, it may end and be resumed, and it leaves no trial
open."""

from hetsched.core.events import COMPLETED, Event, RunEnded, RunResumed, RunStarted, TrialAdded, TrialCompleted
from hetsched.domain.workload import TrialId

_STEPS = frozenset({RunStarted, RunResumed, RunEnded, TrialAdded, TrialCompleted})


class RunCourse:
    """Compares the beginnings and the ends of a run, and the trials that it has added and
    completed.

    A run that was cut short may leave trials open. Then it has another reason than `COMPLETED`, or
    no end.
    """

    def __init__(self, begun: bool = False) -> None:
        """`begun`: the events are those after the start of the run."""
        self._begun = self._goes_on = begun
        self._open: dict[TrialId, None] = {}

    def fault(self, event: Event) -> str | None:
        """What contradicts the events before, in words. None: nothing. Events must come in the
        order of the log."""
        kind = type(event)
        if self._goes_on and kind not in _STEPS:
            return None
        if not self._begun and kind is not RunStarted:
            return f"expected run-started, the first event of every log, found {kind.__name__}"
        if self._begun and kind is RunStarted:
            return "a second RunStarted, and a run starts once"
        if self._begun and not self._goes_on and kind is not RunResumed:
            return f"{kind.__name__} after the end of the run, which was not resumed"
        self._begun, self._goes_on = True, kind is not RunEnded
        if isinstance(event, TrialAdded):
            self._open[event.trial] = None
        elif isinstance(event, TrialCompleted):
            self._open.pop(event.trial, None)
        elif isinstance(event, RunEnded) and event.reason == COMPLETED and self._open:
            return f"the run is completed, and no TrialCompleted of {next(iter(self._open))!r} stands before"
        return None
