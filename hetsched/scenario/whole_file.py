"""Rewrites files as a whole. At any moment the file has all of its old content or all of its new
content."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write the file. Raises OSError, naming the file, if writing fails, as on a full disk. The
    file is then unchanged."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
