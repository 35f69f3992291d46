"""The file of a checkpoint. It has its name only when it is complete. Reading it executes
nothing."""

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
    """A file to write to. It gets its name only at the end of the context, so a crash never leaves
    half a checkpoint.

    Raises OSError, with the path, if the file cannot be written.
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
    """Write a state: tensors, numbers and text in dicts and lists. Returns the size of the file in
    bytes.

    Raises OSError, with the path, if the file cannot be written.
    """
    with complete(path) as file:
        _save(content, file)
    return path.stat().st_size


def read(path: Path, device: "torch.device") -> dict[str, Any]:
    """The state, with its tensors on the device.

    Raises an exception of any kind for a damaged file, because the unpickler can fail anywhere.
    """
    import torch

    content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if (what := damage(path)) is not None:
        raise ValueError(what)
    return content


class _Watched:
    """A file that keeps the error with which a write failed. PyTorch turns the error into a
    RuntimeError without a reason."""

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
    """Save as `torch.save` does. Raises OSError if the file cannot be written."""
    import torch

    watched = _Watched(file)
    try:
        torch.save(content, watched)  # type: ignore[arg-type]  # it needs no more of a file
    except RuntimeError:
        if watched.error is None:
            raise
        raise watched.error from None
