"""Where the command `hetsched` starts. While modules are imported, Ctrl-C ends it at once: nothing
was begun."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def start() -> int:
    """Run the command of the command line and return its exit status."""
    if sys.stderr is None:  # closed (2>&-): the work is done, and nobody reads its messages
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (it is open as long as the process)
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


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End the process, without the traceback of an import."""
    os.write(2, b"hetsched: interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(start())
