"""Who worked on a study, with what, and how long (`study.json`). The file is written when a study
begins, and when it ends.

A study that stopped and went on has several sittings.
"""

import os
import platform
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from hetsched.cores import available_cores, cpu_model
from hetsched.errors import InputError, unreadable
from hetsched.scenario.json_text import decoded
from hetsched.studies.command_line import command_line
from hetsched.studies.json_file import not_as_written, write_json
from hetsched.version import __version__

STUDY_NAME = "study.json"

LIBRARIES = ("msgspec", "numpy", "pydantic", "scipy", "simpy", "ray", "torch", "torchvision")
"""Libraries on which the figures of a study may depend. The versions of the installed ones are
written to the file."""


class Machine(Struct, frozen=True):
    """The machine of the process that carried the study out. `cores`: how many cores the process
    may use."""

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


def check_times(began: str, took_s: float | None) -> None:
    """Raise ValueError if a sitting cannot have begun and ended then."""
    try:
        ended = datetime.fromisoformat(began) + timedelta(seconds=took_s or 0.0)
    except OverflowError as error:
        raise ValueError(f"took_s: {took_s:g} s after {began} is no time") from error
    if ended.tzinfo is None:
        raise ValueError(f"began: {began!r} has no time zone")


class Sitting(Struct, frozen=True):
    """One process that worked on a study.

    - `command`: the command line. Empty: a script or a notebook called hetsched.
    - `began`: date and time with the time zone (ISO 8601)
    - `took_s`: seconds. None: the sitting did not come to its end.
    """

    command: list[str]
    began: str
    took_s: float | None
    hetsched: str
    python: str
    libraries: dict[str, str]
    machine: Machine

    def __post_init__(self) -> None:
        check_times(self.began, self.took_s)

    @classmethod
    def now(cls) -> "Sitting":
        began = datetime.now(UTC).isoformat(timespec="milliseconds")
        found = {name: known for name in LIBRARIES if (known := _installed(name)) is not None}
        return cls(command_line(), began, None, __version__, platform.python_version(), found, Machine.here())


class Study(Struct, frozen=True):
    """The command of a folder, such as "compare", and its sittings in order."""

    study: str
    sittings: Annotated[list[Sitting], Meta(min_length=1)]
    hetsched: str = __version__


def begin_study(folder: Path, study: str) -> None:
    """Record in the folder, which is new, that a study begins."""
    write_json(folder / STUDY_NAME, Study(study, [Sitting.now()]))


def go_on_with_study(folder: Path) -> None:
    """Record in the folder that this process goes on with the study. If the folder has no
    `study.json`, none is written: the earlier sittings are unknown."""
    if (known := study_of(folder)) is not None:
        write_json(folder / STUDY_NAME, replace(known, sittings=[*known.sittings, Sitting.now()]))


def end_study(folder: Path) -> None:
    """Record in the folder that the study has come to its end, and how many seconds the sitting
    took."""
    if (known := study_of(folder)) is None:
        return
    last = known.sittings[-1]
    took = datetime.now(UTC) - datetime.fromisoformat(last.began)
    ended = replace(last, took_s=round(took.total_seconds(), 3))
    write_json(folder / STUDY_NAME, replace(known, sittings=[*known.sittings[:-1], ended]))


def is_under_way(folder: Path) -> bool:
    """Whether the study in the folder has begun and has not come to its end: it goes on, or was
    stopped. False: it has ended, or the folder does not say. Raises InputError if the file cannot
    be read."""
    known = study_of(folder)
    return known is not None and known.sittings[-1].took_s is None


def study_of(folder: Path) -> Study | None:
    """The study that the folder records. None: the folder records none. Raises InputError, with the
    path, if the file cannot be read."""
    path = folder / STUDY_NAME
    if not path.is_file():
        return None
    try:
        return decoded(path.read_bytes(), Study)
    except OSError as error:
        raise InputError(unreadable(path, error)) from error
    except msgspec.DecodeError as error:
        raise not_as_written(path, "hetsched wrote", error) from error


def _installed(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
