"""SIGTERM, by which Slurm, Kubernetes and spot instances say stop: it stops what Ctrl-C stops, in the same way."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hetsched.errors import Terminated

TERMINATED = 128 + signal.SIGTERM
"""The exit status of a command that SIGTERM ended, 143, as a shell has it of a process that SIGTERM killed."""


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """While this lasts, SIGTERM raises Terminated where Ctrl-C would raise KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():  # only that may handle signals
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def signals_held() -> Iterator[None]:
    """While this lasts, Ctrl-C and SIGTERM wait, if they raise anything at all: they raise it at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    raising = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in raising:
        signal.signal(number, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated
