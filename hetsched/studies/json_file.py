"""JSON files for people to read."""

from pathlib import Path
from typing import Any

import msgspec

from hetsched.errors import InputError
from hetsched.scenario.json_text import decoded
from hetsched.scenario.whole_file import write_whole
from hetsched.version import __version__


def write_json(path: Path, document: Any) -> None:
    """Write the document, indented, with a newline at its end. If that fails the file stays as it
    was."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


class _Written(msgspec.Struct):
    """What every plan has. All other fields are ignored."""

    hetsched: str


def not_as_written(path: Path, writer: str, error: Exception) -> InputError:
    """The error for a file that cannot be read: what is wrong, and the version of hetsched that
    wrote the file, if that is another one. `writer` says what writes it, such as "'hetsched run'
    wrote"."""
    told = f"{error}{_other_version(path)}; put the file back as it was"
    return InputError(f"{path}: not what {writer}: {told}")


def _other_version(path: Path) -> str:
    try:
        version = decoded(path.read_bytes(), _Written).hetsched
    except msgspec.DecodeError:
        return ""
    return f" (written by hetsched {version}, this is {__version__})" if version != __version__ else ""
