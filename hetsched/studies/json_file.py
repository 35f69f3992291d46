"""JSON files for people to read."""

from pathlib import Path
from typing import Any

import msgspec

from hetsched.scenario.whole_file import write_whole
from hetsched.version import __version__


def write_json(path: Path, document: Any) -> None:
    """Write the document, indented, with a newline at its end. The file is what it was before if that fails."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


class _Written(msgspec.Struct):
    """What every plan says, whatever else is in it."""

    hetsched: str


def other_version(path: Path) -> str:
    """For an error about a plan that cannot be read: which version of hetsched wrote it, if that is another one."""
    try:
        version = msgspec.json.decode(path.read_bytes(), type=_Written).hetsched
    except msgspec.DecodeError:
        return ""
    return f" (written by hetsched {version}, this is {__version__})" if version != __version__ else ""
