"""`results.csv`: every figure of every run of a study, a row per run, for spreadsheets and
notebooks."""

import csv
from collections.abc import Iterable, Mapping, Sequence
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
    """The seconds that a policy took on the host of the study, and the number of calls."""

    decision_s: float
    decisions: int


def write_results_csv(folder: Path, **runs: Iterable[RunResult]) -> None:
    """Write the runs. The keywords are the backends that carried them out, `sim` or `ray`. A figure
    that a run lacks is an empty cell. `log` is relative to the folder."""
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
    """The columns. Strategy and seed come first."""
    return list(dict.fromkeys(["strategy", "seed", *keys]))


def decided(folder: Path) -> dict[str, Decided]:
    """The seconds and calls of each run's decisions, by the path of the run's log relative to the
    folder. Logs do not have them.

    A run is missing if they are unknown. The result is empty if the folder has no such file. Raises
    InputError, with the path, if the file is damaged.
    """
    path = folder / RESULTS_NAME
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                row["log"]: Decided(float(row["decision_s"]), int(row["decisions"]))
                for row in csv.DictReader(file, strict=True)
                if row["decision_s"] and row["decisions"]
            }
    except (KeyError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path}: not what a study wrote: {error}: remove it, and only the seconds of decisions are then unknown"
        ) from error


def with_decisions(run: RunResult, known: Mapping[str, Decided], folder: Path) -> RunResult:
    """The run of the folder with the seconds and calls of its decisions, as far as `known`."""
    took = known.get(relpath(run.log, folder))
    return run if took is None else run._replace(**took._asdict())
