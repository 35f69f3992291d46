"""Profiles as CSV files: shipped ones by name, and a user's own."""

import csv
from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError, nearest
from hetsched.scenario.csv_rows import read_rows
from hetsched.scenario.profile_files import read_profile, write_profile


def _read_source(source: str, folder: Path) -> list[ProfileRow]:
    shipped = {
        entry.name.removesuffix(".csv"): entry
        for point in entry_points(group="hetsched.profiles")
        for entry in files(point.value).iterdir()
        if entry.name.endswith(".csv")
    }
    if source in shipped:
        return read_profile(Path(str(shipped[source])))
    path = folder / source
    if path.suffix != ".csv" or not path.is_file():
        raise InputError(f"{source!r} is neither a shipped profile nor a CSV file: {nearest(source, shipped)}")
    return read_profile(path)


COLUMNS = tuple(ProfileRow.model_fields)


NEEDED = (*COLUMNS[: COLUMNS.index("evaluation_cv")], "provenance")
"""The columns that every profile has."""


def write_profile(path: Path, rows: Iterable[ProfileRow]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.model_dump() for row in rows)


def read_profile(path: Path) -> list[ProfileRow]:
    """The rows of a profile.

    Raises InputError, naming file, line and column, for what is not a profile.
    """
    rows: list[ProfileRow] = []
    lines: dict[tuple[TrialKind, WorkerType], int] = {}
    for line, row in read_rows(path, ProfileRow, "profile", NEEDED):
        key = (row.kind, row.worker_type)
        if key in lines:
            raise InputError(
                f"{path}:{line}: {row.kind} on {row.worker_type} was measured in line {lines[key]} "
                "already; a profile has one row for each: keep one"
            )
        lines[key] = line
        rows.append(row)
    if not rows:
        raise InputError(f"{path}: the profile has no rows; measure one with 'hetsched profile --out {path}'")
    return rows
