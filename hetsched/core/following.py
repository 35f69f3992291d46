"""The log of a run while it is written."""

from pathlib import Path
from typing import NamedTuple

from hetsched.core.events import AnyEvent
from hetsched.core.log import MEND, LogDecoder, reserve_of
from hetsched.errors import InputError


class News(NamedTuple):
    """The events since the last look. `anew`: the log is not the log of the last look, and the
    events are all its events."""

    events: list[AnyEvent]
    anew: bool


def is_being_written(log: Path) -> bool:
    """Whether a driver has a durable log open, or died while it had one open (see `LogWriter`)."""
    return reserve_of(log).exists()


class FollowedLog:
    """Reads a growing log. Each look reads what was appended since the last look. A log that does
    not exist yet counts as empty.

    Only whole lines count: a line that is still being written comes at a later look. A driver that
    goes on with a run may cut off a half line, or begin the log again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin()

    def _begin(self) -> None:
        self._end, self._last_line = 0, b""
        self._decoder = LogDecoder(self.path)

    def look(self) -> News:
        """The new events. Raises InputError, naming file and line, for a line that is no event, and
        for a log that cannot be read. After an error the next look begins at the first line."""
        try:
            return self._look()
        except InputError:
            self._begin()
            raise

    def _look(self) -> News:
        try:
            with self.path.open("rb") as file:
                file.seek(self._end - len(self._last_line))
                anew = file.read(len(self._last_line)) != self._last_line
                if anew:
                    file.seek(0)
                    self._begin()
                appended = file.read()
        except FileNotFoundError:
            anew, appended = self._end > 0, b""
            self._begin()
        except OSError as error:
            raise InputError(f"{self.path}: cannot read the log: {error.strerror}; {MEND}") from error
        return News([self._event(line) for line in appended.split(b"\n")[:-1]], anew)

    def _event(self, line: bytes) -> AnyEvent:
        event = self._decoder.event(line)
        self._last_line = line + b"\n"
        self._end += len(self._last_line)
        return event
