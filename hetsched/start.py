"""Where the command `hetsched` starts. While modules are imported, Ctrl-C ends it at once: nothing
was begun."""

import os
import signal
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from types import FrameType
from typing import Any, NoReturn


def start() -> int:
    """Run the command of the command line and return its exit status."""
    _open_standard_streams()
    before = signal.getsignal(signal.SIGINT)
    if callable(before):
        signal.signal(signal.SIGINT, _leave)
    from hetsched.cli.main import fail, main
    from hetsched.signals import INTERRUPTED

    try:
        status = main(ready=lambda: signal.signal(signal.SIGINT, before), ending=_ignore)
        _ignore()
    except KeyboardInterrupt as stop:  # one more, while the first was on its way to its answer
        _ignore()
        first = stop.__context__ if isinstance(stop.__context__, KeyboardInterrupt) else stop
        status = fail(first, INTERRUPTED, "interrupted")
    return status


def _ignore() -> None:
    """From now on Ctrl-C does nothing: the process is about to end, and its status is known."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
    if sys.stderr is sys.__stderr__:  # also where both are None; nobody has put another one there
        errors = BufferedWriter(_Messages(2, "w", closefd=False))
        encoding = sys.stderr.encoding if sys.stderr else None
        sys.stderr = TextIOWrapper(errors, encoding, "backslashreplace", line_buffering=True)


class _Messages(FileIO):
    """Standard error. A message that cannot be written, such as into a file on a full disk, is
    dropped, and the command goes on. A reader that has ended still ends the command."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return memoryview(data).nbytes


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End the process, without the traceback of an import."""
    os.write(2, b"hetsched: interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(start())
