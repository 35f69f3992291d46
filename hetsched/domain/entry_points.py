"""Parts of the product that an installed package offers, and packages that only some parts need."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from hetsched.errors import InputError


def load_part(group: str, name: str, what: str) -> Any:
    """What is installed under that entry point. Raises InputError, naming `what`, if it or a package of it is not."""
    for point in entry_points(group=group, name=name):
        with needed_for(what):
            return point.load()
    raise InputError(f"{what} is not installed; reinstall hetsched")


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
