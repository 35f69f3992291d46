"""Why a run should stop in order: nothing new starts, running segments are finished and saved, then
the run ends."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from hetsched.core.log import NO_SPACE, LogWriter
from hetsched.errors import HetschedError, Terminated

INTERRUPTED, TERMINATED = "interrupted", "terminated"
"""The reasons with which a run ends in order after Ctrl-C and after SIGTERM."""

ONE_SIGNAL_S = 0.05
"""What comes within so many seconds of the first signal belongs to it: GNU `timeout` sends SIGTERM
to the process and then to its group."""


class Stopping:
    """`error` is why the run stops, and the error with which it will end. None: it goes on."""

    def __init__(self, log: LogWriter) -> None:
        self._log = log
        self._error: BaseException | None = None
        self._signalled_s = 0.0

    @property
    def error(self) -> BaseException | None:
        return self._error or self._log.full

    @property
    def reason(self) -> str:
        """The reason, as the log has it."""
        if isinstance(self.error, KeyboardInterrupt):
            return TERMINATED if isinstance(self.error, Terminated) else INTERRUPTED
        return f"failed: {self.error}"

    def is_for(self, cause: Exception) -> bool:
        """Whether this cause of a broken segment stops the run. It does if the disk of the run's
        folder is full: all nodes use this folder."""
        if not isinstance(cause, OSError) or cause.errno not in NO_SPACE or cause.filename is None:
            return False
        if self._log.path.parent.resolve() not in Path(cause.filename).parents:
            return False
        self._error = self._error or HetschedError(f"{cause.filename}: {cause.strerror}")
        return True

    @contextmanager
    def on_interrupt(self) -> Iterator[None]:
        """Within this context, the first Ctrl-C or SIGTERM stops the run in order. The second one
        stops it at once: it raises KeyboardInterrupt, of which Terminated is a kind. Signals within
        `ONE_SIGNAL_S` are one."""
        if threading.current_thread() is not threading.main_thread():  # only that may handle signals
            yield
            return
        before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        except KeyboardInterrupt as error:
            if type(error) is KeyboardInterrupt and isinstance(self._error, Terminated):
                raise Terminated.in_place_of(error) from error  # Ray raises its own in place of a handler's
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        now_s = time.monotonic()
        if isinstance(self._error, KeyboardInterrupt):
            if now_s < self._signalled_s + ONE_SIGNAL_S:
                return
            raise self._error
        self._signalled_s = now_s
        self._error = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        # Not print: a signal may come in the middle of another one.
        os.write(2, b"hetsched: finishing the segments that run; a second Ctrl-C or SIGTERM stops at once\n")
