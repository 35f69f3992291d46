"""Files that are rewritten: whatever happens meanwhile, under the name is the old content or the new one, whole."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write the file. Raises OSError, which names it, if that fails, as on a full disk; the file is as it was then."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
