"""Text as a terminal, a figure and a page may have it. Names and errors come from logs, which may say anything; a log
keeps what it says, and text is made printable where it leaves."""

import re
from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

_UNPRINTABLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for the tab and the end of a line
    "\u2028-\u202e\u2066-\u2069"  # further ends of lines, and what turns the direction of text
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # no characters: XML and UTF-8 refuse them
    "]"
)


def printable(text: str) -> str:
    r"""The text with an escape for each character that a terminal would obey, or that XML refuses.

    >>> printable("trial-\x1b[31m0\x00"), printable("two\nlines")
    ('trial-\\x1b[31m0\\x00', 'two\nlines')
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def all_printable(value: Any) -> Any:
    """The value with all text in it made printable, also that in structs, lists, tuples and dictionaries.

    Links are addresses, which stay as they are. A value without other text is returned itself.
    """
    match value:
        case str():
            return printable(value)
        case Struct():
            found = {field.name: getattr(value, field.name) for field in fields(value) if field.name != "link"}
            return replace(value, **{name: all_printable(one) for name, one in found.items()})
        case list() | tuple():
            numbers = not value or isinstance(value[0], float | int)
            return value if numbers else type(value)(map(all_printable, value))
        case dict():
            return {all_printable(key): all_printable(one) for key, one in value.items()}
    return value
