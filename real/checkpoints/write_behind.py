"""Write-behind: a checkpoint is written to storage while its worker goes on."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread

from real.training.trainer import Snapshot


class WriteBehind:
    """Writes snapshots with `to_file`, one at a time, in a separate thread.

    If a file cannot be written, the next call of any method raises the error, so no failure goes
    unnoticed. After a failed write the next checkpoint is written in the foreground. A broken disk
    therefore fails every segment, not every second one.
    """

    def __init__(self, to_file: Callable[[Snapshot, Path], object]) -> None:
        self._to_file = to_file
        self._thread: Thread | None = None
        self._error: Exception | None = None
        self._failed = False

    def write(self, snapshot: Snapshot, path: Path) -> None:
        """Wait for the previous file, and begin to write this one. The snapshot must not change any
        more.

        Raises the error of the previous file, if it could not be written. After such an error this
        file is written before the call returns, and its error is raised. An OSError has the path.
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
        """Raise the error of the file, if it could not be written. Does not wait. An OSError has
        the path."""
        if self._error is not None:
            self.flush()

    def flush(self) -> None:
        """Wait until the file is in storage. Raises its error if it could not be written. An
        OSError has the path."""
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
        except Exception as error:  # of any kind: no other code would see it
            self._error = error
