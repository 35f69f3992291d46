"""Where the command `hetsched` starts. While modules are imported, Ctrl-C ends it at once: nothing
was begun."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def start() -> int:
    """Run the command of the command line and return its exit status."""
    _open_standard_streams()
    before = signal.getsignal(signal.SIGINT)
    if callable(before):
        signal.signal(signal.SIGINT, _leave)
    from hetsched.cli.main import fail, main
    from hetsched.signals import INTERRUPTED

    try:
        status = main(ready=lambda: signal.signal(signal.SIGINT, before))
    except KeyboardInterrupt as stop:  # one more, while the first was on its way to its answer
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        first = stop.__context__ if isinstance(stop.__context__, KeyboardInterrupt) else stop
        status = fail(first, INTERRUPTED, "interrupted")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process is about to end, with this status
    return status


def _open_standard_streams() -> None:
    """Replace closed standard streams (`2>&-`) by the null device: the work is done, and nobody
    reads its output. Otherwise the next file that is opened, such as a log, would be a standard
    stream of this process and of those that it starts."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(null, True)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 (open as long as the process)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End the process, without the traceback of an import."""
    os.write(2, b"hetsched: interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(start())
