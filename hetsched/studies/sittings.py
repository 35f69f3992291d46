"""Who worked on a study, with what, and how long (`study.json`): written when a study begins, and when it ends.

A study that stopped and went on has several sittings.
"""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hetsched.cores import available_cores, cpu_model
from hetsched.errors import InputError, unreadable
from hetsched.studies.command_line import command_line
from hetsched.studies.json_file import other_version, write_json
from hetsched.version import __version__

STUDY_NAME = "study.json"

LIBRARIES = ("msgspec", "numpy", "pydantic", "scipy", "simpy", "ray", "torch", "torchvision")
"""Those on which the figures of a study may depend; the versions of those that are installed are written down."""


class Machine(Struct, frozen=True):
    """The machine of the process that carried the study out. `cores` are those that the process may use."""

    host: str
    system: str
    processor: str
    cores: int
    memory_bytes: int | None

    @classmethod
    def here(cls) -> "Machine":
        known = {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= os.sysconf_names.keys()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if known else None
        system = f"{platform.system()} {platform.release()} {platform.machine()}"
        return cls(platform.node(), system, cpu_model(), len(available_cores()), memory)


class Sitting(Struct, frozen=True):
    """One process that worked on a study. `command` is the command line, empty where a script or a notebook asked.
    `began` is a date and time with its zone (ISO 8601); `took_s` is None of a sitting that did not come to its end."""

    command: list[str]
    began: str
    took_s: float | None
    hetsched: str
    python: str
    libraries: dict[str, str]
    machine: Machine

    @classmethod
    def now(cls) -> "Sitting":
        began = datetime.now(UTC).isoformat(timespec="milliseconds")
        found = {name: known for name in LIBRARIES if (known := _installed(name)) is not None}
        return cls(command_line(), began, None, __version__, platform.python_version(), found, Machine.here())


class Study(Struct, frozen=True):
    """What command a folder is of, such as "compare", and its sittings in their order."""

    study: str
    sittings: list[Sitting]
    hetsched: str = __version__


def begin_study(folder: Path, study: str) -> None:
    """Write down that a study begins in the folder, which is new."""
    write_json(folder / STUDY_NAME, Study(study, [Sitting.now()]))


def go_on_with_study(folder: Path) -> None:
    """Write down that this process goes on with the study in the folder. What is not known of the sittings before this
    one stays so: a folder without the file is left without it."""
    if (known := study_of(folder)) is not None:
        write_json(folder / STUDY_NAME, replace(known, sittings=[*known.sittings, Sitting.now()]))


def end_study(folder: Path) -> None:
    """Write down that the study has come to its end, and so how long the sitting took."""
    if (known := study_of(folder)) is None:
        return
    last = known.sittings[-1]
    took = datetime.now(UTC) - datetime.fromisoformat(last.began)
    ended = replace(last, took_s=round(took.total_seconds(), 3))
    write_json(folder / STUDY_NAME, replace(known, sittings=[*known.sittings[:-1], ended]))


def study_of(folder: Path) -> Study | None:
    """What is written down of the study in the folder; None where nothing is. Raises InputError, naming the file, for
    one that cannot be read."""
    path = folder / STUDY_NAME
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Study)
    except OSError as error:
        raise InputError(unreadable(path, error)) from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not what hetsched wrote: {error}{other_version(path)}") from error


def _installed(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
