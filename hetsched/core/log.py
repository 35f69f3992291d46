"""The log of a run: one event per line, written and read."""

import errno
from collections import deque
from collections.abc import Callable, Iterator
from os import SEEK_END
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from hetsched.core.events import LOG_VERSION, UNNUMBERED, AnyEvent, Event, RunResumed, RunStarted
from hetsched.core.older_logs import NOT_READ, NUMBERED_SINCE, SegmentNumbers, as_of_now
from hetsched.domain.plain import plain
from hetsched.errors import HetschedError, InputError

MEND = "put back an undamaged log, or leave this run out"


def _plain(value: object) -> object:
    """Python's own in place of a value of NumPy. Raises TypeError for what is neither."""
    made = plain(value)
    if made is value:
        raise TypeError(f"{value!r} is neither a text, a number nor a truth value")
    return made


_encoder = msgspec.json.Encoder(enc_hook=_plain)


_decoder = msgspec.json.Decoder(AnyEvent)


class _Numbered(msgspec.Struct):
    """The format that an event of any hetsched names, whatever else is in it."""

    log_version: int = UNNUMBERED


_number_decoder = msgspec.json.Decoder(_Numbered)


NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of a full disk and of a used-up quota."""


NOT_WRITTEN = (TypeError, ValueError, OverflowError, RecursionError)
"""What encoding raises for an event with a value that is no part of a log, and decoding for what nobody could read."""


class LogWriter:
    """Writes events to a log. After `flush` the operating system has them: they outlive this process.

    The log is new: InputError is raised if the file is there. With `appends` a log that is there goes on.

    A `durable` log is flushed whenever a decision's consequences are complete (`commit`), as what it tells cost
    real work; any other is written many events at a time, which is several times faster.

    Events that tell of something which is not yet as durable as the log can be held back (`hold`): if this process dies
    before, the log ends before them.

    A durable log keeps some space on the disk in reserve, a file beside it. When the disk is full that is given back,
    so that the run can still write how it stops; `full` is then the error that it should stop for.
    """

    EVENTS_AT_ONCE = 1000
    RESERVE_BYTES = 2**17  # some 400 events

    def __init__(self, path: Path, *, durable: bool = True, appends: bool = False) -> None:
        self.path = path
        self.full: OSError | None = None
        self._durable = durable
        self._reserve = reserve_of(path)
        try:
            self._file: IO[bytes] = path.open("ab" if appends else "xb", buffering=0)
        except FileExistsError as error:
            raise InputError(f"{path}: is there already, and a log is never overwritten; name a new folder") from error
        if durable:
            self._reserve.write_bytes(bytes(self.RESERVE_BYTES))
        self._waiting: list[bytes] = []
        self._written = 0
        self._held: deque[tuple[int, Callable[[], bool]]] = deque()

    def write(self, event: Event) -> None:
        """The event comes next in the log. Raises HetschedError for one that nobody could read: the log then has what
        came before it, and can go on without it."""
        try:
            line = _encoder.encode(event)
            if self._durable:  # real work is not to be lost with its log
                _decoder.decode(line)
        except NOT_WRITTEN as error:
            raise HetschedError(f"{self.path}: cannot write down {event}: {error}") from error
        self._waiting.append(line + b"\n")

    def commit(self) -> None:
        """What is in the log so far is complete: write it, but for what is held."""
        if self._durable or len(self._waiting) >= self.EVENTS_AT_ONCE:
            end = self._held[0][0] - self._written if self.holds() else len(self._waiting)
            self._write_out(end)

    def hold(self, ready: Callable[[], bool]) -> None:
        """Write nothing of what comes from now on before it is `ready`, which is asked at every commit."""
        self._held.append((self._written + len(self._waiting), ready))

    def holds(self) -> bool:
        """Whether anything is still held. Asks what is held whether it is ready, and lets go of what is."""
        while self._held and self._held[0][1]():
            self._held.popleft()
        return bool(self._held)

    def flush(self) -> None:
        """Write all that waits, held or not."""
        self._held.clear()
        self._write_out(len(self._waiting))

    def _write_out(self, number: int) -> None:
        """Write so many of the events that wait, or none. Raises OSError, naming the file, if there is no space."""
        if not number:
            return
        lines = b"".join(self._waiting[:number])
        try:
            self._append(lines)
        except OSError as error:
            if error.errno not in NO_SPACE or not self._reserve.exists():
                raise
            self._reserve.unlink()
            self._append(lines)
            self.full = error
        del self._waiting[:number]
        self._written += number

    def _append(self, lines: bytes) -> None:
        end = self._file.seek(0, SEEK_END)
        try:
            written = 0
            while written < len(lines):
                written += self._file.write(lines[written:])
        except OSError as error:
            self._file.truncate(end)  # no half line
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def drop(self) -> None:
        """Write no more of what waits: it may be incomplete."""
        self._held.clear()
        self._waiting.clear()

    def close(self) -> None:
        """Flush, and close the file whatever comes of that (a full disk)."""
        try:
            self.flush()
        finally:
            self._file.close()
            if self._durable:
                self._reserve.unlink(missing_ok=True)

    def __enter__(self) -> "LogWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def reserve_of(log: Path) -> Path:
    """The file beside a durable log that keeps space in reserve while a driver has the log open."""
    return log.with_name(f".{log.name}.reserve")


class LogDecoder:
    """Decodes the lines of one log, in their order, whatever format each driver wrote in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line = 0
        self._version = UNNUMBERED
        self._numbers = SegmentNumbers()

    def event(self, line: bytes) -> AnyEvent:
        """The event of the next line.

        Raises InputError naming file and line for what is no event, and for a log that a newer hetsched wrote.
        """
        self._line += 1
        try:
            event = _decoder.decode(line if self._version == LOG_VERSION else as_of_now(line, self._version))
        except NOT_READ as error:
            _check_format(line, f"{self._path}:{self._line}")
            raise InputError(f"{self._path}:{self._line}: not an event of a hetsched log: {error}; {MEND}") from error
        if isinstance(event, RunStarted | RunResumed):
            self._version = event.log_version
            if self._version > LOG_VERSION:
                _check_format(line, f"{self._path}:{self._line}")
        return event if self._version >= NUMBERED_SINCE else self._numbers.numbered(event)


def read_log(path: Path) -> Iterator[AnyEvent]:
    """The events of a log. A last line that was cut off (the writer died) is left out.

    Raises InputError naming file and line for anything else that is not an event, and for a log that a newer hetsched
    wrote.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot read the log: {error.strerror}") from error
    yield from map(LogDecoder(path).event, lines[:-1])


def _check_format(line: bytes, where: str) -> None:
    """Raise InputError if the line names a format that this hetsched does not know."""
    try:
        named = _number_decoder.decode(line).log_version
    except NOT_READ:
        return  # it names none
    if named > LOG_VERSION:
        raise InputError(
            f"{where}: written by a newer hetsched (format {named}, this one reads up to {LOG_VERSION}): upgrade"
        )


LOG_NAME = "events.jsonl"
