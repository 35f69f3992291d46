"""Reads JSON that a study or another program wrote."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


def decoded(text: bytes, kind: type[T]) -> T:
    """The value of this type that the text has. Raises msgspec.DecodeError for any other text, also
    if lists stand in lists beyond all measure, or if a string is not in UTF-8."""
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError as error:
        raise msgspec.DecodeError("its lists and tables are nested too deeply") from error
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not a text in UTF-8: {error.reason}") from error
