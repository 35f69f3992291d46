"""The log of a run: one event per line, written and read."""

import errno
from collections import deque
from collections.abc import Callable, Iterator
from os import SEEK_END
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

import msgspec

from hetsched.core.events import LOG_VERSION, UNNUMBERED, AnyEvent, Event, RunEnded, RunResumed, RunStarted
from hetsched.core.older_logs import NOT_READ, NUMBERED_SINCE, SegmentNumbers, as_of_now
from hetsched.core.run_course import RunCourse
from hetsched.core.running_segments import RunningSegments
from hetsched.core.trained_iterations import TrainedIterations
from hetsched.domain.plain import plain
from hetsched.errors import HetschedError, InputError

MEND = "put back an undamaged log, or leave this run out"


def _plain(value: object) -> object:
    """A value of NumPy as Python's own. Raises TypeError for any other type."""
    made = plain(value)
    if made is value:
        raise TypeError(f"{value!r} is neither a text, a number nor a truth value")
    return made


_encoder = msgspec.json.Encoder(enc_hook=_plain)


_decoder = msgspec.json.Decoder(AnyEvent)


class _Numbered(msgspec.Struct):
    """The format of a log that an event of any hetsched names. All other fields are ignored."""

    log_version: int = UNNUMBERED


_number_decoder = msgspec.json.Decoder(_Numbered)


NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of a full disk and of an exhausted quota."""


NOT_WRITTEN = (TypeError, ValueError, OverflowError, RecursionError)
"""What encoding raises for a value that does not belong into a log, and decoding for bytes that are
no event."""


class _Lines(NamedTuple):
    """Whole lines that wait, and the place in the file, in bytes, where they will be."""

    end: int
    waiting: bytearray


class LogWriter:
    """Writes events to a log. After `flush` the operating system has them: they outlive this
    process.

    InputError is raised if the file exists. With `appends` the writer goes on with an existing
    file.

    A `durable` log is flushed at every `commit`, which is called when the consequences of a
    decision are complete: its events cost real work. Any other log is written many events at a
    time, which is several times faster.

    `hold` holds back events that describe something less durable than the log. If this process dies
    before that thing is durable, the log ends before these events.

    A durable log keeps a reserve of disk space, as a file beside it. When the disk is full the
    reserve is given back, so that the run can still write how it stops. Then `full` is the error
    for which the run should stop.

    Ctrl-C may raise KeyboardInterrupt between any two steps. The log then has whole lines, each
    once: a line comes to the waiting lines in one step, and what is written again is written at the
    same place.
    """

    BYTES_AT_ONCE = 2**16
    RESERVE_BYTES = 2**17  # some 400 events

    def __init__(self, path: Path, *, durable: bool = True, appends: bool = False) -> None:
        self.path = path
        self.full: OSError | None = None
        self._durable = durable
        self._reserve = reserve_of(path)
        try:
            self._file: IO[bytes] = path.open("r+b" if appends and path.exists() else "xb", buffering=0)
        except FileExistsError as error:
            raise InputError(f"{path}: exists already, and a log is never overwritten; name a new folder") from error
        if durable:
            self._reserve.write_bytes(bytes(self.RESERVE_BYTES))
        self._lines = _Lines(self._file.seek(0, SEEK_END), bytearray())
        self._held: deque[tuple[int, Callable[[], bool]]] = deque()

    def write(self, event: Event) -> None:
        """Append the event. Raises HetschedError for an event that nobody could read. The log then
        has the events before it, and can go on without it. The end of a run that never began is
        left out."""
        if isinstance(event, RunEnded) and not (self._lines.end or self._lines.waiting):
            return
        try:
            line = _encoder.encode(event)
            if self._durable:  # real work is not to be lost with its log
                _decoder.decode(line)
        except NOT_WRITTEN as error:
            raise HetschedError(
                f"{self.path}: cannot write down {event}: {error}; expected numbers, texts and truth values: mend what "
                "the policy or the training gives"
            ) from error
        self._lines.waiting.extend(line + b"\n")

    def commit(self) -> None:
        """The events so far are complete: write them, except those that are held."""
        lines = self._lines
        if self._durable or len(lines.waiting) >= self.BYTES_AT_ONCE:
            self._write_out(self._held[0][0] - lines.end if self.holds() else len(lines.waiting))

    def hold(self, ready: Callable[[], bool]) -> None:
        """Hold back all later events until `ready` returns True. `ready` is called at every
        commit."""
        self._held.append((self._lines.end + len(self._lines.waiting), ready))

    def holds(self) -> bool:
        """Whether any event is still held. Calls `ready` of what is held, and releases what is
        ready."""
        while self._held and self._held[0][1]():
            self._held.popleft()
        return bool(self._held)

    def flush(self) -> None:
        """Write all events that wait, held or not."""
        self._held.clear()
        self._write_out(len(self._lines.waiting))

    def _write_out(self, number: int) -> None:
        """Write the first `number` bytes of the waiting events, or nothing. Raises OSError, naming
        the file, if the disk is full."""
        if not number:
            return
        end, waiting = self._lines
        lines = bytes(waiting[:number])
        try:
            self._append(lines, end)
        except OSError as error:
            if error.errno not in NO_SPACE or not self._reserve.exists():
                raise
            self._reserve.unlink()
            self._append(lines, end)
            self.full = error
        self._lines = _Lines(end + number, waiting[number:])

    def _append(self, lines: bytes, end: int) -> None:
        self._file.seek(end)
        try:
            written = 0
            while written < len(lines):
                written += self._file.write(lines[written:])
        except OSError as error:
            self._file.truncate(end)  # no half line
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def drop(self) -> None:
        """Discard the events that wait: they may be incomplete."""
        self._held.clear()
        self._lines.waiting.clear()

    def close(self) -> None:
        """Flush, and close the file even if that fails (a full disk)."""
        try:
            self.flush()
            self._file.truncate(self._lines.end)  # no half line, if it was interrupted and the rest was dropped
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


_BEGINNINGS = (RunStarted, RunResumed)
"""The first events of the parts of a log."""


class LogDecoder:
    """Decodes the lines of one log in their order. Drivers may have written them in different
    formats."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line = 0
        self._version = UNNUMBERED
        self._numbers = SegmentNumbers()
        self._course = RunCourse()
        self._segments = RunningSegments()
        self._iterations = TrainedIterations()

    def event(self, line: bytes) -> AnyEvent:
        """The event of the next line.

        Raises InputError, naming file and line, for a line that is no event, for the end of a
        segment that is not as the segment's start, and for a log of a newer hetsched. It also
        raises for an event that the course of a run or the iterations of a trial cannot have there
        (see `RunCourse` and `TrainedIterations`).
        """
        self._line += 1
        try:
            event: AnyEvent = _decoder.decode(line if self._version == LOG_VERSION else as_of_now(line, self._version))
        except NOT_READ as error:
            _check_format(line, f"{self._path}:{self._line}")
            raise InputError(f"{self._path}:{self._line}: not an event of a hetsched log: {error}; {MEND}") from error
        if isinstance(event, _BEGINNINGS):
            self._version = event.log_version
            if self._version > LOG_VERSION:
                _check_format(line, f"{self._path}:{self._line}")
        if self._version < NUMBERED_SINCE:
            event = self._numbers.numbered(event)
        fault = self._course.fault(event) or self._segments.fault(event) or self._iterations.fault(event)
        if fault is not None:
            raise InputError(f"{self._path}:{self._line}: {fault}: was it altered? {MEND}")
        return event


def read_log(path: Path) -> Iterator[AnyEvent]:
    """The events of a log. A last line that was cut off, because the writer died, is left out.

    Raises InputError, naming file and line, for what `LogDecoder.event` refuses.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot read the log: {error.strerror}; {MEND}") from error
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
