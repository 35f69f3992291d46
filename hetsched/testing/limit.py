"""A limit on the time of a call, so that a policy that never answers is reported and not waited for."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooLongError(Exception):
    """A call did not come back in time."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooLongError in what runs inside after so many seconds of this process's own computing.

    Computing, so that other load on the machine does not count; that of a compiled solver is noticed when it returns.
    Where there are no such timers (Windows), and outside the main thread, there is no limit.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def too_long(number: int, frame: FrameType | None) -> None:
        raise TooLongError(f"no answer after {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
