"""Profiles as CSV files: shipped profiles, which have names, and users' own files."""

import csv
from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.resources import files
from io import StringIO
from pathlib import Path

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import DATASET, UNSAID, ProfileRow
from hetsched.domain.workload import TrialKind
from hetsched.errors import RAISED, InputError, nearest
from hetsched.scenario.csv_rows import filled_columns, read_rows
from hetsched.scenario.whole_file import write_whole


def read_sources(
    sources: Iterable[str], folder: Path, dataset: str = DATASET, batch_size: int | None = None
) -> list[ProfileRow]:
    """The rows of shipped profiles, which are named, and of CSV files, which are relative to the
    folder. A row without a data set gets `dataset`, and one without a batch size gets `batch_size`.

    Raises InputError if a source does not exist, and if two sources have one kind on one worker
    type.
    """
    rows: dict[tuple[TrialKind, WorkerType], ProfileRow] = {}
    for source in sources:
        for row in _read_source(source, folder, dataset, batch_size):
            if rows.setdefault((row.kind, row.worker_type), row) is not row:
                raise InputError(f"{source!r}: {row.kind} on {row.worker_type} is in an earlier source already")
    return list(rows.values())


def _read_source(source: str, folder: Path, dataset: str, batch_size: int | None) -> list[ProfileRow]:
    shipped: dict[str, Path] = {}
    broken: list[str] = []
    for point in entry_points(group="hetsched.profiles"):
        try:
            found = [Path(str(entry)) for entry in files(point.value).iterdir()]
        except RAISED as error:  # an error of another package
            broken.append(f"; those of {point.value} cannot be had: {type(error).__name__}: {error}")
            continue
        shipped |= {path.stem: path for path in found if path.suffix == ".csv"}
    if source in shipped:
        return read_profile(shipped[source], dataset, batch_size)
    path = folder / source
    if path.suffix != ".csv" or not path.is_file():
        hint = "".join([nearest(source, shipped), *broken])
        raise InputError(f"{source!r} is neither a shipped profile nor a CSV file: {hint}")
    return read_profile(path, dataset, batch_size)


COLUMNS = tuple(ProfileRow.model_fields)


NEEDED = tuple(name for name, field in ProfileRow.model_fields.items() if field.is_required())
"""The columns that every profile has."""

DEFAULTS = {
    "dataset": f"{DATASET}, as in an experiment that names none",
    "cores": "1 on a cpu",
    "gpu_share": "1, a whole GPU",
    "provenance": UNSAID,
    "noise_cv": "0: step times do not vary",
    "evaluation_s_per_image": "a third of an iteration's time per image",
    "start_up_s": "0 s",
    "restore_s": "0 s",
    "checkpoint_s": "0 s",
}
"""The words for the default of a column that a file lacks. A cost's default holds if no other
source has the cost."""


RARE = ("memory_gib", "state_growth")
"""The columns that most profiles have nothing to say of."""


def write_profile(path: Path, rows: Iterable[ProfileRow]) -> None:
    """Write the rows as a CSV file. An existing file is replaced.

    The file has a column of `RARE` if some row has a value in it.
    """
    values = [row.model_dump() for row in rows]
    columns = [name for name in COLUMNS if name not in RARE or any(row[name] is not None for row in values)]
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(values)
    write_whole(path, text.getvalue().encode())


def read_profile(path: Path, dataset: str = DATASET, batch_size: int | None = None) -> list[ProfileRow]:
    """The rows of a profile. A row without a data set gets `dataset`. A row without a batch size
    gets `batch_size`. If that is None, the file must have batch sizes.

    Raises InputError, naming file, line and column, if the file is not a profile.
    """
    rows: list[ProfileRow] = []
    lines: dict[tuple[TrialKind, WorkerType], int] = {}
    given = {} if batch_size is None else {"batch_size": str(batch_size)}
    needed = [name for name in NEEDED if name not in given]
    for line, read in read_rows(path, ProfileRow, "profile", needed, defaults=given):
        row = read if "dataset" in read.model_fields_set else read.model_copy(update={"dataset": dataset})
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


def taken_defaults(path: Path, dataset: str = DATASET, batch_size: int | None = None) -> dict[str, str]:
    """The columns of which a profile has no value, and their defaults in words. `read_profile` must
    be able to read the file."""
    columns = filled_columns(path)
    defaults = {**DEFAULTS, "dataset": DEFAULTS["dataset"].replace(DATASET, dataset)}
    if batch_size is not None:
        defaults["batch_size"] = f"{batch_size}, as in the experiments"
    return {column: words for column, words in defaults.items() if column not in columns}
