"""Options of policies and of learning models that name files. The files are relative to the
scenario."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hetsched.domain.registry import Registry
from hetsched.errors import InputError
from hetsched.scenario.policy_files import OPTIONS, copy_files

P = TypeVar("P")

Find = Callable[[str], Path]
"""A function from a file's name in the scenario to its path."""

Options = Mapping[str, Any]


def create(registry: Registry[P], name: str, options: Options, find: Find) -> P:
    """A new part of that name with these options. `find` resolves the options that name files.

    Raises InputError if a file does not exist, and raises errors as `Registry.create` does.
    """
    return registry.create(name, {**options, **_files(registry, name, options, find)})


def copy_option_files(
    tables: Iterable[tuple[Registry[Any], Mapping[str, Options]]], find: Find, folder: Path
) -> list[dict[str, Options]]:
    """Copy the files that options name into the results folder.

    Returns the tables of options by name, with the copies in the place of the files. Raises
    InputError if a file does not exist.
    """
    tables = list(tables)
    named = [(registry, name, options) for registry, table in tables for name, options in table.items()]
    files = [file for one in named for file in _files(*one, find).values()]
    copies = iter(copy_files(files, folder, OPTIONS))
    return [
        {
            name: {**options, **dict(zip(registry.files(name, options), copies, strict=False))}
            for name, options in table.items()
        }
        for registry, table in tables
    ]


def _files(registry: Registry[P], name: str, options: Options, find: Find) -> dict[str, Path]:
    found = {option: find(file) for option, file in registry.files(name, options).items()}
    for option, path in found.items():
        if not path.is_file():
            raise InputError(f"{registry.kind} {name!r}: option {option!r}: {path}: no such file")
    return found
