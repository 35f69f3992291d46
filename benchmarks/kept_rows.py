"""The rows of figures in docs/measured, from which tables of the docs are made."""

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

MEASURED = Path(__file__).parents[1] / "docs/measured"

Row = Mapping[str, object]

Keep = Callable[[str, Row, Sequence[str]], None]
"""Puts a row into a file of docs/measured, by the file's name. See `keep` for the key."""


def keep(path: Path, rows: Sequence[Row], key: Sequence[str]) -> None:
    """Write the rows into a CSV file, each with the column `measured`: today's date.

    A row of the file with the same values of `key` is replaced. Other rows of the file stay. So a
    part of the figures can be measured again.
    """
    known = {tuple(row[name] for name in key): row for row in (read(path) if path.exists() else ())}
    for row in rows:
        cells = {name: _cell(value) for name, value in row.items()} | {"measured": date.today().isoformat()}
        known[tuple(cells[name] for name in key)] = cells
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        columns = list(dict.fromkeys(name for row in known.values() for name in row))
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(known.values())


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as text."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
