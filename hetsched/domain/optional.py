"""Packages that come with the extras of hetsched, and need not be installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from hetsched.errors import InputError


@contextmanager
def importing(needs: str, extra: str) -> Iterator[None]:
    """Goes around imports. `needs` begins a sentence that a package's name continues, such as "data frames need".

    Raises InputError, which says what to install, if a package is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(f"{needs} {error.name}, which is not installed: pip install 'hetsched[{extra}]'") from error
