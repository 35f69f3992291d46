"""A table as a CSV file (RFC 4180, UTF-8). None is empty. A text with commas, quotes or line ends
is quoted."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from hetsched.analysis.tidy.columns import Column, Row, value_as


class CSVFile:
    """Writes rows to a file whose first line has the columns' names."""

    def __init__(self, path: Path, columns: Sequence[Column], table: str) -> None:
        self._columns = columns
        self._file = path.open("w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._file)
        self._csv.writerow(column.name for column in columns)

    def write(self, rows: Iterable[Row]) -> None:
        columns = [(column.name, column.kind) for column in self._columns]
        self._csv.writerows([value_as(kind, row.get(name)) for name, kind in columns] for row in rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
