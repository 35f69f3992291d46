"""A table as a Parquet file, written by pyarrow."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from hetsched.analysis.tidy.columns import Column, Row, value_as
from hetsched.domain.entry_points import needed_for
from hetsched.studies.caveats import NO_CAVEATS, Caveats
from hetsched.version import __version__


class ParquetFile:
    """Writes rows to a Parquet file.

    The metadata of a column have its `description`, and its `unit` if it has one. The metadata of
    the file have the name of the `table`, the version of `hetsched`, and the `assumptions` and
    `warnings` of the studies (JSON). Raises InputError if pyarrow is not installed.
    """

    def __init__(self, path: Path, columns: Sequence[Column], table: str, caveats: Caveats = NO_CAVEATS) -> None:
        with needed_for("Parquet", "frames"):
            import pyarrow
            import pyarrow.parquet
        self._arrow = pyarrow
        self._columns = columns
        types = {"int": pyarrow.int64(), "float": pyarrow.float64(), "text": pyarrow.string(), "bool": pyarrow.bool_()}
        fields = [pyarrow.field(column.name, types[column.kind], metadata=_metadata(column)) for column in columns]
        said = {key: msgspec.json.encode(value) for key, value in caveats.document().items()}
        self._schema = pyarrow.schema(fields, metadata={"table": table, "hetsched": __version__, **said})
        self._writer: Any = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        arrays = [
            self._arrow.array([value_as(kind, row.get(name)) for row in rows], self._schema.field(name).type)
            for name, kind, *_ in self._columns
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def _metadata(column: Column) -> dict[str, str]:
    return {"description": column.meaning, **({"unit": column.unit} if column.unit else {})}
