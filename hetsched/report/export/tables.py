"""The tidy tables of many runs. Each table is one file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

from hetsched.analysis.tidy.columns import Column, FurtherColumns, Row
from hetsched.analysis.tidy.tables import TABLES, rows
from hetsched.report.export.csv_file import CSVFile
from hetsched.report.export.files import written_whole
from hetsched.report.export.parquet_file import ParquetFile
from hetsched.studies.caveats import Caveats

ROWS_AT_ONCE = 20_000
"""The rows of a table that wait in memory before they are written."""


class TableFile(AbstractContextManager["TableFile"], Protocol):
    """A file that receives the rows of one table."""

    def write(self, rows: Sequence[Row]) -> None: ...


Writer = Callable[[Path, Sequence[Column], str], TableFile]
"""What writes a table. Its arguments are the path, the columns and the table's name."""


def export_tables(folder: Path, logs: Sequence[Path], out: Path, ending: str, caveats: Caveats) -> list[Path]:
    """Write every table of all logs of the results folder to `out`, and return the files. A CSV
    file has no place for the `caveats`.

    Logs are read twice. The first reading finds the names of hyperparameters and metrics. The
    second reading writes the rows, at most `ROWS_AT_ONCE` per table at once, so memory does not
    grow with the number of logs.
    """
    further = {name: FurtherColumns(column.name for column in table.columns) for name, table in TABLES.items()}
    writer: Writer = CSVFile if ending == "csv" else partial(ParquetFile, caveats=caveats)
    for name, row in _rows(folder, logs):
        further[name].see(row)
    paths = [out / f"{name}.{ending}" for name in TABLES]
    with ExitStack() as stack:
        files = {}
        for (name, table), path in zip(TABLES.items(), paths, strict=True):
            part = stack.enter_context(written_whole(path))
            columns = [*table.columns, *further[name].columns()]
            files[name] = stack.enter_context(writer(part, columns, name))
        _fill(files, _rows(folder, logs))
    return paths


def _rows(folder: Path, logs: Sequence[Path]) -> Iterator[tuple[str, Row]]:
    """The rows of all logs. A log is named by its path within the folder."""
    for log in logs:
        yield from rows(log, called=log.relative_to(folder).as_posix())


def _fill(files: dict[str, TableFile], rows: Iterator[tuple[str, Row]]) -> None:
    waiting: dict[str, list[Row]] = {name: [] for name in files}
    for name, row in rows:
        waiting[name].append(row)
        if len(waiting[name]) == ROWS_AT_ONCE:
            files[name].write(waiting[name])
            waiting[name].clear()
    for name, of_table in waiting.items():
        files[name].write(of_table)
