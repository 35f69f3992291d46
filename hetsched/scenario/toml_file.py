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
    except ValueError as error:  # Python reads no whole number of so many digits
        raise InputError(f"{path}: a whole number has over 4,300 digits: expected at most 1e30") from error


HINTS = {
    r"Cannot declare (.+) twice": "this table is there already: write its keys below the first one; where a table may "
    "come several times, as [[cluster.nodes]] may, every one of them needs two brackets",
    r"Cannot mutate immutable namespace": "its value is a list or table on one line already: use one of the two forms",
    r"Cannot overwrite a value": "this key has a value already: keep one of the two",
    r"Unterminated string|Expected \"'\"": "a quote is missing at the end of a text",
    r"Illegal character": "a text ends on the line on which it begins: is a quote missing?",
    r"Unclosed array": "a bracket ] is missing",
    r"Expected '\]": "the name of a table is closed by as many brackets as opened it, such as [[cluster.nodes]]",
    r"Expected '='": "write KEY = VALUE; a key with blanks in it needs quotes",
    r"Expected newline": "one value per key and line: a list needs brackets, a decimal point is a point, no number "
    "begins with 0",
    r"Invalid initial character for a key part|Unclosed inline table": "{ ... } is on one line, with commas between "
    "keys and none after the last",
    r"Invalid hex value|Unescaped|Invalid escape": "in double quotes a backslash begins a special "
    "character: use single quotes, or / in paths",
    r"Invalid statement": "a line is KEY = VALUE, [table], [[list of tables]] or # comment",
}
"""What to do about an error of TOML that a beginner meets."""

PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def _hint(error: str, text: str) -> str:
    """The line of the error, and what to do about it. Errors that no beginner meets have no
    advice."""
    lines = text.split("\n")
    at = PLACE.search(error)
    line, column = (lines[int(at[1]) - 1], int(at[2])) if at else ("", 1)
    said = f": {line.strip()!r}" if line.strip() else ""
    if error.startswith("Invalid value"):
        begin = line[column - 1 :]
        if re.match(r"(True|False)\b", begin):
            return f"{said}: true and false have small letters"
        if begin[:1].isalpha():
            return f"{said}: text needs quotes"
        if begin[:1] == ".":
            return f"{said}: a number needs a digit before its point, as 0.5 does"
        return "" if begin.strip() else f"{said}: a value is missing after ="
    return next((f"{said}: {hint}" for pattern, hint in HINTS.items() if re.match(pattern, error)), "")
