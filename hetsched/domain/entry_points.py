"""Packages that only some parts of hetsched need."""

from collections.abc import Iterator
from contextlib import contextmanager

from hetsched.errors import InputError


@contextmanager
def needed_for(what: str, extra: str = "real") -> Iterator[None]:
    """Within this context, a missing package raises InputError, which names `what` and the extra to
    install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"{what} needs {error.name}, which is not installed: pip install 'hetsched[{extra}]'"
        ) from error
