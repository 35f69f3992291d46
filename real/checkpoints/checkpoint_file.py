"""A checkpoint's file: complete under its name or not there, and read without executing anything."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from real.checkpoints.generations import damage

if TYPE_CHECKING:
    import torch


@contextmanager
def complete(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which appears under its name only when that is over: a crash never leaves half a checkpoint.

    Raises:
        OSError: the file, which it names, cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"checkpoint cannot be written: {error.strerror or error}", str(path)) from error
    finally:
        with suppress(OSError):  # there is no such folder
            unfinished.unlink(missing_ok=True)


def write(content: Mapping[str, Any], path: Path) -> int:
    """Write a state (tensors, numbers and text in dicts and lists) and return the file's size in bytes.

    Raises:
        OSError: the file, which it names, cannot be written.
    """
    with complete(path) as file:
        _save(content, file)
    return path.stat().st_size


def read(path: Path, device: "torch.device") -> dict[str, Any]:
    """The state, its tensors on the device.

    Raises:
        Exception: of many kinds; a damaged file can fail anywhere in the unpickler.
    """
    import torch

    content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if (what := damage(path)) is not None:
        raise ValueError(what)
    return content


class _Watched:
    """A file that remembers why it could not be written: PyTorch makes a RuntimeError without a reason of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()


def _save(content: object, file: IO[bytes]) -> None:
    """`torch.save`, but a file that cannot be written is an OSError."""
    import torch

    watched = _Watched(file)
    try:
        torch.save(content, watched)  # type: ignore[arg-type]  # it needs no more of a file
    except RuntimeError:
        if watched.error is None:
            raise
        raise watched.error from None
