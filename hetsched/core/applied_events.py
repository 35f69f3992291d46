"""A log read event by event, as a state that follows it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from hetsched.core.events import Event
from hetsched.core.state import State, apply_line

E = TypeVar("E", bound=Event)


def followed(events: Iterable[E], state: State, log: Path | None = None) -> Iterator[E]:
    """Yields each event, after it was applied to the state.

    Raises InputError for an event that cannot follow from the events before it, or that is of an
    earlier time. The message names the line, and the file if the events come from a `log`.
    """
    for line, event in enumerate(events, start=1):
        apply_line(state, line, event, log)
        yield event
