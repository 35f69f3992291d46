"""Ctrl-C and SIGTERM in a study that has something to put away: the first interrupts, further ones are ignored."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import current_thread, main_thread
from types import FrameType


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Within the block the first Ctrl-C, or the first SIGTERM where that raises anything, raises what it does outside.
    What follows is put away undisturbed: further ones are ignored until the block ends. Threads but the main one cannot
    be interrupted, and where Ctrl-C is ignored it stays so."""
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in found.items() if callable(handler)}
    if current_thread() is not main_thread() or not before:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        before[signal.Signals(number)](number, frame)

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def children_without_interrupts() -> Iterator[None]:
    """Processes and threads that start within the block never hear of Ctrl-C, which a terminal sends to all processes
    of a command. One that comes meanwhile reaches this process at the end of the block."""
    resource_tracker.ensure_running()  # where it starts later, with a child, it lets the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
