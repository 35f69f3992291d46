"""Events of older formats of the log, converted to the format of today."""

from typing import Any

import msgspec
from msgspec.structs import replace

from hetsched.core.events import AnyEvent, SegmentEnded, SegmentLost, SegmentStarted
from hetsched.domain.workload import TrialId

SAID_SINCE = 3
"""The format since which a search space says the kind of each hyperparameter, and an experiment its
metric. In older formats all hyperparameters are ranges of numbers, and
all metrics are accuracies."""

NOT_READ = (ValueError, RecursionError)
"""What decoding raises for bytes that are not the expected JSON, not UTF-8, or nested a thousand
levels deep."""

NUMBERED_SINCE = 4
"""The format since which segments have numbers."""


class SegmentNumbers:
    """Numbers the segments of a log whose format has no numbers, as the format of today numbers
    them."""

    def __init__(self) -> None:
        self._started = 0
        self._running: dict[TrialId, int] = {}

    def numbered(self, event: AnyEvent) -> AnyEvent:
        """The event with the number of its segment. Events must come in the order of the log."""
        if isinstance(event, SegmentStarted):
            self._started += 1
            self._running[event.trial] = self._started
            return replace(event, segment=self._started)
        if isinstance(event, SegmentEnded | SegmentLost):
            return replace(event, segment=self._running.pop(event.trial, 0))
        return event


def as_of_now(line: bytes, version: int) -> bytes:
    """A line of the given format, converted to the format of today. A line that is no JSON stays as
    it is."""
    if version >= SAID_SINCE or b'"experiment-arrived"' not in line:
        return line
    try:
        event = msgspec.json.decode(line)
    except NOT_READ:
        return line
    return msgspec.json.encode(_with_stop_score(_tagged(event)))


def _tagged(event: Any) -> Any:
    """The event; each hyperparameter of an experiment now has its kind."""
    match event:
        case {"event": "experiment-arrived", "experiment": {"search_space": dict(space)} as experiment}:
            tagged = {key: {"kind": "float", **span} if isinstance(span, dict) else span for key, span in space.items()}
            return {**event, "experiment": {**experiment, "search_space": tagged}}
    return event


def _with_stop_score(event: Any) -> Any:
    """The event; an experiment's stop rule now has its present name."""
    match event:
        case {"event": "experiment-arrived", "experiment": {"stop_accuracy": target} as experiment}:
            others = {key: value for key, value in experiment.items() if key != "stop_accuracy"}
            return {**event, "experiment": {**others, "stop_score": target}}
    return event
