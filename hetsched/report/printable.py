"""Text without the characters that a terminal, a figure or a page must not have.

Names and errors come from logs, which may have any character. Logs are not changed. Text is made
printable where it is shown.
"""

import re
from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

_UNPRINTABLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, except the tab and the end of a line
    "\u2028-\u202e\u2066-\u2069"  # other ends of lines, and marks that turn the direction of text
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
    """The value with all its text made printable. Structs, lists, tuples and dictionaries are
    searched for text.

    A field named `link` is an address and stays as it is. A list of numbers is returned itself.
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
