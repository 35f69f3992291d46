"""The errors of all recordings: their distribution, by factor, as a CSV file, and compared with the
last version."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
import numpy as np

from hetsched.analysis.error_parts import ErrorParts
from hetsched.errors import InputError
from hetsched.scenario.whole_file import write_whole
from hetsched.studies.fidelity.errors import FACTORS, Errors

TABLE_NAME = "errors.csv"
"""The file with the errors, in a folder of recordings."""

FIGURES = {
    "makespan": "makespan [%]",
    "completion": "completion of trials [%]",
    "utilisation": "utilisation of workers [points]",
    "segment_time": "time of a segment [%]",
    "score": "best score",
}
"""The figures whose errors the table has, and the headings of their columns."""

PARTS = ErrorParts.__struct_fields__

DECIMALS = 2
"""Decimals of the errors in the file."""


class Distribution(msgspec.Struct, frozen=True):
    """Errors of many runs. `mean` is the signed mean. All other figures are of absolute errors:
    mean, median, 90th percentile (linear between ranks) and greatest."""

    runs: int
    mean: float
    mean_absolute: float
    p50: float
    p90: float
    worst: float

    @classmethod
    def of(cls, errors: Iterable[float]) -> "Distribution | None":
        """The distribution of the errors. None: there are no errors.

        >>> Distribution.of([-1.0, 3.0])
        Distribution(runs=2, mean=1.0, mean_absolute=2.0, p50=2.0, p90=2.8, worst=3.0)
        """
        signed = list(errors)
        if not signed:
            return None
        absolute = np.abs(signed)
        p50, p90 = (float(value) for value in np.quantile(absolute, [0.5, 0.9]))
        return cls(len(signed), fmean(signed), float(absolute.mean()), p50, p90, float(absolute.max()))


class Change(msgspec.Struct, frozen=True):
    """How the table has changed, over the recordings that both versions have: the mean absolute
    error of the makespan before and now, and by name the recordings whose prediction differs, with
    both errors."""

    recordings: int
    before: float
    now: float
    moved: dict[str, tuple[float, float]]


def distributions(errors: Sequence[Errors]) -> dict[str, Distribution]:
    """The distributions by figure, without figures that no recording has. `completion_absolute` and
    `utilisation_absolute` have the absolute errors of trials and workers."""
    names = [*FIGURES, "completion_absolute", "utilisation_absolute"]
    found = {name: Distribution.of(v for e in errors if (v := getattr(e, name)) is not None) for name in names}
    return {name: distribution for name, distribution in found.items() if distribution is not None}


def by_factor(errors: Sequence[Errors]) -> dict[str, dict[str, dict[str, Distribution]]]:
    """The distributions of makespan and completion, by factor and level."""
    found: dict[str, dict[str, dict[str, Distribution]]] = {}
    for factor in FACTORS:
        levels = sorted({getattr(one, factor) for one in errors}, key=lambda level: (len(level), level))
        for level in levels:
            of_level = distributions([one for one in errors if getattr(one, factor) == level])
            kept = {name: of_level[name] for name in ("makespan", "completion")}
            found.setdefault(factor, {})[level] = kept
    return found


def mean_parts(errors: Sequence[Errors]) -> dict[str, dict[str, float]]:
    """By part of a makespan's error: its mean over the recordings, and the mean of its absolute
    value."""
    return {
        part: {
            "mean": fmean(getattr(one.parts, part) for one in errors),
            "mean_absolute": fmean(abs(getattr(one.parts, part)) for one in errors),
        }
        for part in PARTS
    }


def change(errors: Sequence[Errors], before: Mapping[str, Mapping[str, str]]) -> Change | None:
    """The change from the table before. None: no recording is in both."""
    then = {name: float(row["makespan"]) for name, row in before.items()}
    pairs = {one.recording: (then[one.recording], one.makespan) for one in errors if one.recording in then}
    if not pairs:
        return None
    return Change(
        recordings=len(pairs),
        before=fmean(abs(old) for old, _ in pairs.values()),
        now=fmean(abs(new) for _, new in pairs.values()),
        moved={name: (old, new) for name, (old, new) in pairs.items() if abs(old - new) > 10**-DECIMALS},
    )


def rows(errors: Iterable[Errors]) -> list[dict[str, Any]]:
    """The rows of the file: one per recording, with a column for each part of its error."""
    found = []
    for one in errors:
        row: dict[str, Any] = msgspec.to_builtins(one)
        parts = {f"of_{part}": value for part, value in row.pop("parts").items()}
        plain = {**row, **parts}
        found.append({k: round(v, DECIMALS) + 0.0 if isinstance(v, float) else v for k, v in plain.items()})
    return found


def write_table(folder: Path, errors: Sequence[Errors]) -> Path:
    """Write the file. An existing file is replaced."""
    of_all = rows(errors)
    text = StringIO()
    writer = csv.DictWriter(text, list(of_all[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(of_all)
    write_whole(folder / TABLE_NAME, text.getvalue().encode())
    return folder / TABLE_NAME


def read_table(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of the file by recording. Empty: there is no file. Raises InputError if the file is
    another one."""
    path = folder / TABLE_NAME
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file, strict=True))
        for row in found:
            float(row["makespan"])
        return {row["recording"]: row for row in found}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not what hetsched fidelity wrote: {error}: remove it, and write it again") from error
