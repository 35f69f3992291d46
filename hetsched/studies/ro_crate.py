"""An RO-Crate that describes a results folder (`ro-crate-metadata.json`). Archives and workflow
systems read it.

The file follows RO-Crate 1.1 and its profile Process Run Crate 0.5. It has one action per process
that worked on the study, with the files that the process took and made. If the folder does not say
which processes these were (`study.json`), it describes only the files.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import join
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from hetsched.core.log import LOG_NAME
from hetsched.errors import InputError, unreadable
from hetsched.scenario.json_text import decoded
from hetsched.scenario.policy_files import OPTIONS, POLICIES, TRAINING
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.caveats import NO_CAVEATS, Caveats
from hetsched.studies.json_file import write_json
from hetsched.studies.sittings import check_times
from hetsched.version import __version__

CRATE_NAME = "ro-crate-metadata.json"
STUDY_NAME = "study.json"

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
SOFTWARE = "#hetsched"

TAKEN = {SCENARIO_NAME, "profile.csv", POLICIES, TRAINING, OPTIONS}
"""The input of a study: files and folders at the top of its folder. The study makes all other
files."""

WHOLE = {"checkpoints", "tune"}
"""Folders whose files are not listed one by one."""

MEDIA_TYPES = {
    ".jsonl": "application/jsonl",
    ".json": "application/json",
    ".toml": "application/toml",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".html": "text/html",
    ".py": "text/x-python",
    ".parquet": "application/vnd.apache.parquet",
}

Entity = dict[str, Any]


class Sitting(Struct, frozen=True):
    """A process that worked on the study, as `study.json` has it. `took_s`: its seconds. None: the
    process did not come to its end."""

    command: list[str]
    began: str
    took_s: float | None
    hetsched: str

    def __post_init__(self) -> None:
        check_times(self.began, self.took_s)


class _Study(Struct, frozen=True):
    sittings: list[Sitting]


def write_ro_crate(folder: Path, caveats: Caveats = NO_CAVEATS) -> Path:
    """Write the description of the folder's present content, with the `caveats` of its figures. An
    earlier description is replaced. Returns the path. Raises InputError if `study.json` cannot be
    read."""
    path = folder / CRATE_NAME
    parts = list(_parts(folder))
    sittings = _sittings(folder)
    versions = list(dict.fromkeys(sitting.hetsched for sitting in sittings)) or [__version__]
    actions = [_action(number, sitting, parts) for number, sitting in enumerate(sittings, start=1)]
    graph = [
        _of("ro-crate-metadata.json", "CreativeWork", about=_id("./"), conformsTo=_id(SPECIFICATION)),
        _root(folder, parts, actions, caveats),
        _of(PROFILE, "CreativeWork", name="Process Run Crate", version="0.5"),
        *(_software(version) for version in versions),
        *actions,
        *parts,
    ]
    write_json(path, {"@context": f"{SPECIFICATION}/context", "@graph": graph})
    return path


def _root(folder: Path, parts: list[Entity], actions: list[Entity], caveats: Caveats) -> Entity:
    about = (
        "Runs of Population-Based Training on unequal machines, simulated or real: their logs, the scenario that they "
        "are of, and their figures. Everything is computed from the logs."
    )
    return _of(
        "./",
        "Dataset",
        name=f"Results of hetsched: {folder.resolve().name}",
        description="\n".join([about, *caveats.lines()]),
        datePublished=datetime.now(UTC).isoformat(timespec="seconds"),
        license="No licence is stated: ask those who made these results.",
        hasPart=[_id(part["@id"]) for part in parts],
        **({"conformsTo": _id(PROFILE), "mentions": [_id(action["@id"]) for action in actions]} if actions else {}),
    )


def _software(version: str) -> Entity:
    return _of(f"{SOFTWARE}-{version}", "SoftwareApplication", name="hetsched", softwareVersion=version, license="MIT")


def _action(number: int, sitting: Sitting, parts: list[Entity]) -> Entity:
    """What a process did. No file says which process made a result, so every process names all
    results."""
    command = join(sitting.command) if sitting.command else "hetsched, called from Python"
    taken = [_id(part["@id"]) for part in parts if _is_taken(part)]
    made = [_id(part["@id"]) for part in parts if not _is_taken(part)]
    times = {"startTime": sitting.began}
    if sitting.took_s is not None:
        end = datetime.fromisoformat(sitting.began) + timedelta(seconds=sitting.took_s)
        times["endTime"] = end.isoformat(timespec="milliseconds")
    status = "Failed" if sitting.took_s is None else "Completed"
    return _of(
        f"#sitting-{number}",
        "CreateAction",
        name=command,
        instrument=_id(f"{SOFTWARE}-{sitting.hetsched}"),
        object=taken,
        result=made,
        actionStatus=_id(f"http://schema.org/{status}ActionStatus"),
        **times,
    )


def _is_taken(part: Entity) -> bool:
    return part["@id"].partition("/")[0] in TAKEN


def _parts(folder: Path) -> Iterator[Entity]:
    """The files of the folder, without hidden ones, and the folders that are described as a whole.
    A link to a place outside the folder is left out, because an archive of the folder lacks that
    place."""
    inside = folder.resolve()
    for home, folders, files in os.walk(folder):
        here = Path(home)
        files = [name for name in files if (here / name).resolve().is_relative_to(inside)]
        whole = sorted(name for name in WHOLE.intersection(folders) if (here / name).resolve().is_relative_to(inside))
        yield from (_of(f"{_address(folder, here / name)}/", "Dataset", name=name) for name in whole)
        folders[:] = sorted(name for name in folders if name not in WHOLE and _is_shown(name))
        yield from (_file(folder, here / name) for name in sorted(files) if _is_listed(here / name))


def _file(folder: Path, path: Path) -> Entity:
    facts: Entity = {"name": path.relative_to(folder).as_posix(), "contentSize": str(path.stat().st_size)}
    if path.suffix in MEDIA_TYPES:
        facts["encodingFormat"] = MEDIA_TYPES[path.suffix]
    if path.name == LOG_NAME:
        facts["description"] = "The log of a run: an event per line, as docs/results.md of hetsched describes them."
    return _of(_address(folder, path), "File", **facts)


def _address(folder: Path, path: Path) -> str:
    """The path within the folder, as a URI."""
    return quote(path.relative_to(folder).as_posix())


def _is_listed(file: Path) -> bool:
    return _is_shown(file.name) and file.name != CRATE_NAME and file.is_file()  # no link to what is gone


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__"


def _sittings(folder: Path) -> list[Sitting]:
    """The processes that worked on the study. Empty: the folder does not say. Raises InputError if
    the file cannot be read."""
    path = folder / STUDY_NAME
    if not path.is_file():
        return []
    try:
        return decoded(path.read_bytes(), _Study).sittings
    except OSError as error:
        raise InputError(unreadable(path, error)) from error
    except msgspec.DecodeError as error:
        raise InputError(
            f"{path}: not what hetsched wrote: {error}: remove it, and the export leaves these processes out"
        ) from error


def _of(address: str, kind: str, **facts: Any) -> Entity:
    """An entity: its address, its type, and its facts."""
    return {"@id": address, "@type": kind, **facts}


def _id(address: str) -> Entity:
    return {"@id": address}
