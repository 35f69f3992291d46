"""One process at a time carries out what a results folder is for."""

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
    """Within the block no other process has the folder. Raises InputError if one has. However a process ends, its lock
    goes with it. On a disk that knows no locks there is none."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == EWOULDBLOCK:
                raise InputError(
                    f"{folder}: another process is carrying this {what} out; wait until it ends, or stop it"
                ) from error
        yield
    finally:
        os.close(descriptor)
