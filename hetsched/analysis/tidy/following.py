"""A log, event by event, with the state that it has come to."""

from collections.abc import Iterator
from pathlib import Path

from hetsched.core import applied_events
from hetsched.core.events import Event
from hetsched.core.log import read_log
from hetsched.core.state import State


def followed(log: Path) -> Iterator[tuple[State, Event]]:
    """Every event of the log, and the state after it, which is the same object each time.

    Raises InputError, naming file and line, for a log that is damaged or was altered.
    """
    state = State()
    for event in applied_events.followed(read_log(log), state, log):
        yield state, event
