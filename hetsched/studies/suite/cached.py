"""The runs of the shipped policies, which come with the package. A user's own policy is ranked at
once with them."""

import csv
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from hetsched import scheduling
from hetsched.errors import InputError
from hetsched.scenario.packaged.suite import RESULTS, VERSION, held_out_names, suite_names
from hetsched.studies.suite.record import COLUMNS, Cell, Record
from hetsched.studies.suite.suite_plan import Runs, load_plan

SUMS = RESULTS.with_suffix(".json")
"""The file that says what was simulated."""

FIELDS = [name for name in COLUMNS if name not in ("decision_s", "decisions", "from_package")]
"""The fields that another host can use."""


class CachedFrom(Struct, frozen=True):
    """The version of the suite, and the digest of each simulated scenario."""

    suite: str
    scenarios: dict[str, str]


def cached(scenario: str, digest: str) -> dict[Cell, Record]:
    """The runs of a scenario of the suite. Empty: they are not of what the scenario simulates
    now."""
    known = _sums()
    if known is None or known.suite != VERSION or known.scenarios.get(scenario) != digest:
        return {}
    return {record.cell: record for record in _records() if record.scenario == scenario}


def write(records: Iterable[Record], scenarios: dict[str, str], path: Path = RESULTS) -> None:
    """Write the runs, in a fixed order."""
    rows = sorted(records, key=lambda record: record.cell)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(["" if (v := getattr(row, name)) is None else _text(v) for name in FIELDS] for row in rows)
    sums = msgspec.json.encode(CachedFrom(VERSION, dict(sorted(scenarios.items()))))
    path.with_suffix(".json").write_bytes(msgspec.json.format(sums, indent=2) + b"\n")


def keep(folder: Path) -> None:
    """Put the complete runs of the suite in that folder into the package. Raises InputError if runs
    are missing, or are not of the whole suite with costs."""
    plan, records = load_plan(folder), list(Runs(folder).read())
    of_all = set(plan.scenarios) == {*suite_names(), *held_out_names()} and plan.suite == VERSION and plan.costs
    lacking = set(plan.cells()) - {record.cell for record in records}
    if lacking or not of_all or any(record.from_package for record in records):
        raise InputError(f"{folder}: expected all runs of suite {VERSION}, simulated with --afresh, and with costs")
    write((one for one in records if scheduling.policies.is_shipped(one.policy)), plan.scenarios)


def _text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


@cache
def _sums() -> CachedFrom | None:
    return msgspec.json.decode(SUMS.read_bytes(), type=CachedFrom) if SUMS.exists() else None


@cache
def _records() -> list[Record]:
    with RESULTS.open(newline="") as file:
        rows = [{key: value for key, value in row.items() if value != ""} for row in csv.DictReader(file)]
    try:
        return msgspec.convert(rows, list[Record], strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"{RESULTS}: {error}") from error


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
