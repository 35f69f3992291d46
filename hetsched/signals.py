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


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated
