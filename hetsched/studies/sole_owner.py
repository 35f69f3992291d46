"""A lock: only one process at a time works on a results folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EWOULDBLOCK
from pathlib import Path

from hetsched.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]


@contextmanager
def sole_owner(folder: Path, what: str) -> Iterator[None]:
    """Within the context no other process works on the folder. Raises InputError if another process
    already does.

    The lock is released however the process ends. There is no lock on Windows, and on a disk that
    has no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, folder, what)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def sole_writer(file: Path, what: str) -> Iterator[None]:
    """As `sole_owner`, of a file that is replaced as a whole. The lock is a hidden file beside it,
    which is gone afterwards."""
    lock = file.with_name(f".{file.name}.lock")
    descriptor = os.open(lock, os.O_CREAT | os.O_RDONLY)
    try:
        _lock(descriptor, file, what)
        yield
        lock.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, what: str) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno == EWOULDBLOCK:
            raise InputError(
                f"{path}: another process is carrying this {what} out; wait until it ends, or stop it"
            ) from error
