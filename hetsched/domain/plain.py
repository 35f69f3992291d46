"""Python's own values in place of the values of NumPy and others, which a log cannot have."""

from numbers import Integral, Real
from typing import Any


def plain(value: Any) -> Any:
    """A text, a number or a truth value as `str`, `int`, `float` or `bool`. Any other value is
    returned as it is.

    >>> import numpy
    >>> plain(numpy.str_("e-0")), plain(numpy.int64(3)), plain(numpy.float32(0.5)), plain(numpy.bool_(True))
    ('e-0', 3, 0.5, True)
    """
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)
