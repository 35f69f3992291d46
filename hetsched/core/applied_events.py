"""A log read event by event, as a state that follows it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from hetsched.core.events import Event
from hetsched.core.state import State, apply_line

E = TypeVar("E", bound=Event)


def followed(events: Iterable[E], state: State, log: Path | None = None) -> Iterator[E]:
    """Each event, after the state has taken it into account. Raises InputError, naming the line, and the file if the
    events are from a `log`, for an event that cannot have followed those before it, or is of an earlier time."""
    for line, event in enumerate(events, start=1):
        apply_line(state, line, event, log)
        yield event
