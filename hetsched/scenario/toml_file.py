"""Reads TOML files."""

import re
import tomllib
from pathlib import Path
from typing import Any

from hetsched.errors import InputError, why_unreadable


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The tables of a TOML file. `what` names the file in messages, such as "the scenario".

    Raises InputError, naming the file, if it cannot be read, is no text, or is no TOML.
    """
    text = ""
    try:
        text = path.read_text("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path}: cannot read {what}: {why_unreadable(error)}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file: {error.reason}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML: {error}{_hint(str(error), text)}") from error


def _hint(error: str, text: str) -> str:
    """A hint about a line whose value is text without quotes. Other errors have an empty hint."""
    if not (at := re.match(r"Invalid value \(at line (\d+), column (\d+)\)", error)):
        return ""
    line = text.split("\n")[int(at[1]) - 1]
    return f": {line.strip()!r}: text needs quotes" if line[int(at[2]) - 1 :][:1].isalpha() else ""
