"""Ctrl-C and SIGTERM, by which Slurm, Kubernetes and spot instances say stop: both stop a command
in the same way."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from hetsched.errors import Terminated

INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a command that Ctrl-C ended: 130."""

TERMINATED = 128 + signal.SIGTERM
"""The exit status of a command that SIGTERM ended, 143, as a shell has it of a process that SIGTERM
killed."""

AGAIN: int | None = getattr(signal, "SIGALRM", None)
"""The signal that raises again what Python has ignored. Windows has none."""

MOMENT_S = 0.01
"""After so long an exception that Python has ignored is raised again."""

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Within the block SIGTERM raises Terminated where Ctrl-C would raise KeyboardInterrupt. Neither
    is lost where Python ignores exceptions (see `_raised_again`). Ray raises a KeyboardInterrupt of
    its own in place of what a handler raises: after a SIGTERM the block ends with Terminated."""
    if not _is_main_thread():
        yield
        return
    terminate = _Terminate()
    try:
        with _handled_by({signal.SIGTERM: terminate}), _raised_again():
            yield
    except KeyboardInterrupt as error:
        if terminate.came and not isinstance(error, Terminated):
            raise Terminated.in_place_of(error) from error
        raise


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Within the block the first Ctrl-C, or the first SIGTERM where that raises anything, raises
    what it does outside. What follows is put away undisturbed: further ones are ignored until the
    block ends. Threads but the main one cannot be interrupted, and where Ctrl-C is ignored it stays
    so."""
    raising = _raising()

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in raising:
            signal.signal(one, signal.SIG_IGN)
        raising[number](number, frame)

    with _handled_by(dict.fromkeys(raising, interrupt)):
        yield


@contextmanager
def signals_held() -> Iterator[None]:
    """Within the block Ctrl-C and SIGTERM wait, if they raise anything at all: they raise it at its
    end."""
    held: list[int] = []
    try:
        with _handled_by(dict.fromkeys(_raising(), lambda number, frame: held.append(number))):
            yield
    finally:
        if held:
            signal.raise_signal(held[0])


@contextmanager
def children_without_interrupts() -> Iterator[None]:
    """Processes and threads that start within the block never hear of Ctrl-C, which a terminal
    sends to all processes of a command. One that comes meanwhile, or a SIGTERM, reaches this
    process at the end of the block: another thread may have heard of it, such as one of NumPy's,
    and Python would raise it here."""
    from multiprocessing import resource_tracker  # here, as each command imports this module

    with signals_held():
        resource_tracker.ensure_running()  # where it starts later, with a child, it lets the signal through again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Within the block Ctrl-C does nothing: what is said of the first one is said undisturbed."""
    with _handled_by({signal.SIGINT: signal.SIG_IGN} if _raising() else {}):
        yield


class _Terminate:
    """Handles SIGTERM, and knows whether it `came`."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        raise Terminated


class _Again:
    """Handles the alarm after which the exceptions that Python ignored are raised again."""

    def __init__(self) -> None:
        self.lost: list[BaseException] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.lost:
            raise self.lost.pop()


@contextmanager
def _raised_again() -> Iterator[None]:
    """Within the block what Ctrl-C and SIGTERM raise is raised again a moment later, if Python
    ignored it, as in a callback of the garbage collector or in `__del__`."""
    if AGAIN is None:
        yield
        return
    alarm, again, hook, before = AGAIN, _Again(), sys.unraisablehook, signal.getsignal(AGAIN)

    def ignored(unraisable: "sys.UnraisableHookArgs") -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            hook(unraisable)
            return
        again.lost.append(unraisable.exc_value)
        signal.signal(alarm, again)
        signal.setitimer(signal.ITIMER_REAL, MOMENT_S)

    sys.unraisablehook = ignored
    try:
        yield
    finally:
        sys.unraisablehook = hook
        if signal.getsignal(alarm) is again:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(alarm, before)


def _is_main_thread() -> bool:
    """Whether this thread may handle signals."""
    return threading.current_thread() is threading.main_thread()


def _raising() -> dict[int, Handler]:
    """The handlers of Ctrl-C and SIGTERM, and of what is raised again, where they raise something in
    this thread."""
    if not _is_main_thread():
        return {}
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM, AGAIN) if number is not None]
    handlers = {number: signal.getsignal(number) for number in numbers}
    return {n: one for n, one in handlers.items() if callable(one) and (n != AGAIN or isinstance(one, _Again))}


@contextmanager
def _handled_by(handlers: Mapping[int, Handler | signal.Handlers]) -> Iterator[None]:
    """Within the block these handle the signals."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
