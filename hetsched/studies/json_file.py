"""JSON files for people to read."""

from pathlib import Path
from typing import Any

import msgspec

from hetsched.scenario.whole_file import write_whole
from hetsched.version import __version__


def write_json(path: Path, document: Any) -> None:
    """Write the document, indented, with a newline at its end. If that fails the file stays as it
    was."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


class _Written(msgspec.Struct):
    """What every plan has. All other fields are ignored."""

    hetsched: str


def other_version(path: Path) -> str:
    """For an error about a plan that cannot be read: the version of hetsched that wrote it, if that
    is another one."""
    try:
        version = msgspec.json.decode(path.read_bytes(), type=_Written).hetsched
    except msgspec.DecodeError:
        return ""
    return f" (written by hetsched {version}, this is {__version__})" if version != __version__ else ""
