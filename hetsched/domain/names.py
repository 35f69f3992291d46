"""Names: they are in tables, in messages and in the names of files."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # NUL, ends of lines, escapes; and what UTF-8 refuses

EXPECTED = "expected a text without control characters"


def has_control(text: str) -> bool:
    r"""Whether the text has a control character, or half of a character. No name may have one.

    >>> has_control("resnet18"), has_control("res\0net"), has_control("two\nlines")
    (False, True, True)
    """
    return _CONTROL.search(text) is not None


def without_control(value: Any) -> Any:
    """The value itself. Raises ValueError if it is a text, has a text in a list, or has a key, with
    a control character. Values below keys may be any text, because options are."""
    match value:
        case str() if has_control(value):
            raise ValueError(EXPECTED)
        case list() | tuple():
            for one in value:
                if isinstance(one, str) and has_control(one):
                    raise ValueError(f"{EXPECTED}, found {one!r}")
        case dict():
            for key, one in value.items():
                if isinstance(key, str) and has_control(key):
                    raise ValueError(f"{EXPECTED}, found the key {key!r}")
                if isinstance(one, dict):
                    without_control(one)
    return value


PlainName = Annotated[str, AfterValidator(without_control)]
"""A name without control characters."""
