"""A log, event by event, with the state that it has come to."""

from collections.abc import Iterator
from pathlib import Path

from hetsched.core.events import Event
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.errors import InputError


def followed(log: Path) -> Iterator[tuple[State, Event]]:
    """Every event of the log, and the state after it, which is the same object each time.

    Raises InputError, naming file and line, for a log that is damaged or was altered.
    """
    state = State()
    for line, event in enumerate(read_log(log), start=1):
        try:
            state.apply(event)
        except (AssertionError, LookupError, ValueError) as error:
            raise InputError(
                f"{log}:{line}: {type(event).__name__} does not follow from the lines before: was the log altered?"
            ) from error
        yield state, event
