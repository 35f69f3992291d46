"""Parts of the product that an installed package offers."""

from importlib.metadata import entry_points
from typing import Any

from hetsched.errors import InputError


def load_part(group: str, name: str, what: str) -> Any:
    """What is installed under that entry point. Raises InputError, naming `what`, if it or a package of it is not."""
    for point in entry_points(group=group, name=name):
        try:
            return point.load()
        except ModuleNotFoundError as error:
            raise InputError(
                f"{what} needs {error.name}, which is not installed: pip install 'hetsched[real]'"
            ) from error
    raise InputError(f"{what} is not installed; reinstall hetsched")
