"""Write-behind: a checkpoint goes to storage while its worker goes on."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread

from real.training.trainer import Snapshot


class WriteBehind:
    """Has snapshots written one at a time, in a thread of its own; `to_file` writes one.

    A file that could not be written is reported by the next call of any method, so no failure goes unnoticed. After a
    failed write the next checkpoint is written in the foreground. A broken disk therefore fails every segment, not
    every second one.
    """

    def __init__(self, to_file: Callable[[Snapshot, Path], object]) -> None:
        self._to_file = to_file
        self._thread: Thread | None = None
        self._error: Exception | None = None
        self._failed = False

    def write(self, snapshot: Snapshot, path: Path) -> None:
        """Begin to write; the snapshot must not change any more. Waits for the one before.

        Raises:
            Exception: the file before could not be written (an OSError names it); or, if one could not be, this one.
        """
        self.flush()
        if self._failed:
            self._to_file(snapshot, path)
            self._failed = False
            return
        # Not a daemon: when its process is asked to end, the file is completed first.
        self._thread = Thread(target=self._write, args=(snapshot, path))
        self._thread.start()

    def check(self) -> None:
        """Without waiting.

        Raises:
            Exception: the file before could not be written; an OSError names it.
        """
        if self._error is not None:
            self.flush()

    def flush(self) -> None:
        """Wait until what was to be written is in storage.

        Raises:
            Exception: the file could not be written; an OSError names it.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            self._failed = True
            raise error

    def _write(self, snapshot: Snapshot, path: Path) -> None:
        try:
            self._to_file(snapshot, path)
        except Exception as error:  # of whatever kind: nobody else hears of it
            self._error = error
