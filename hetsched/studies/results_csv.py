"""Every figure of every run of a study as a table for spreadsheets and notebooks (`results.csv`): a row per run."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from hetsched.errors import InputError
from hetsched.scenario.whole_file import write_whole
from hetsched.studies.frames import figures_row
from hetsched.studies.one_run import RunResult

RESULTS_NAME = "results.csv"


class Decided(NamedTuple):
    """Seconds that a policy took on the host of the study, and in how many calls."""

    decision_s: float
    decisions: int


def write_results_csv(folder: Path, **runs: Iterable[RunResult]) -> None:
    """Write the runs by the backend that carried them out, `sim` or `ray`. A figure that a run does not have is
    empty. The `log` is relative to the folder."""
    rows = [
        {"backend": backend, **figures_row(run), "log": relpath(run.log, folder)}
        for backend, of_one in runs.items()
        for run in of_one
    ]
    text = StringIO()
    writer = csv.DictWriter(text, _columns(rows[0].keys()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(folder / RESULTS_NAME, text.getvalue().encode())


def _columns(keys: Iterable[str]) -> Sequence[str]:
    """What a run is comes first."""
    return list(dict.fromkeys(["strategy", "seed", *keys]))


def decided(folder: Path) -> dict[str, Decided]:
    """What the decisions of each run took, by the run's log, relative to the folder: no log tells it. Runs of which it
    is not known, and all of a folder without the file, are missing. Raises InputError, naming the file, for one that is
    damaged."""
    path = folder / RESULTS_NAME
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                row["log"]: Decided(float(row["decision_s"]), int(row["decisions"]))
                for row in csv.DictReader(file)
                if row["decision_s"] and row["decisions"]
            }
    except (KeyError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path}: not what a study wrote: {error}: remove it, and the logs tell all but what decisions took"
        ) from error
