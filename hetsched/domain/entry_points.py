"""Packages that only some parts of the product need."""

from collections.abc import Iterator
from contextlib import contextmanager

from hetsched.errors import InputError


@contextmanager
def needed_for(what: str, extra: str = "real") -> Iterator[None]:
    """Raise InputError, which names `what` and the extra to install, for a package that is imported here and is not
    installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"{what} needs {error.name}, which is not installed: pip install 'hetsched[{extra}]'"
        ) from error
