"""A log read event by event, as a state that follows it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from hetsched.core.events import Event
from hetsched.core.state import State
from hetsched.errors import InputError

E = TypeVar("E", bound=Event)


def followed(events: Iterable[E], state: State, log: Path | None = None) -> Iterator[E]:
    """Each event, after the state has taken it into account. Raises InputError, naming the line, and the file if the
    events are from a `log`, for an event that cannot have followed those before it, or is of an earlier time."""
    for line, event in enumerate(events, start=1):
        here, before = f"{log}:{line}" if log is not None else f"line {line} of the log", state.now
        try:
            state.apply(event)
        except (AssertionError, LookupError, OverflowError, ValueError) as error:
            subject = getattr(event, "trial", None) or getattr(event, "worker", None)
            what = f"{type(event).__name__} of {subject!r}" if isinstance(subject, str) else type(event).__name__
            raise InputError(f"{here}: {what} does not follow from the lines before: was it altered?") from error
        if event.time < before:
            raise InputError(f"{here}: time goes back from {before:g} s to {event.time:g} s: was it altered?")
        yield event
