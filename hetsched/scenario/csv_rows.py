"""CSV files whose lines are checked records: what profiles and traces have in common."""

import csv
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import AliasChoices, BaseModel, ValidationError

from hetsched.errors import InputError, nearest
from hetsched.scenario.explaining import in_words

Row = TypeVar("Row", bound=BaseModel)


def read_rows(
    path: Path, row: type[Row], what: str, columns: Iterable[str], absent: Collection[str] = ("",)
) -> Iterator[tuple[int, Row]]:
    """The lines of a file that is called `what`, with their numbers; it must have these columns. Empty cells count as
    left out, or those with one of the texts that are `absent`.

    Raises InputError, naming file, line and column, for what is not such a file.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin with a byte-order mark
            reader = csv.DictReader(file)
            for column in columns:
                if column not in (reader.fieldnames or ()):
                    raise InputError(f"{path}: not a {what}: column {column!r} is missing from the first line")
            for column, times in Counter(reader.fieldnames or ()).items():
                if times > 1:
                    raise InputError(f"{path}: column {column!r} is {times} times in the first line: keep one")
            if row.model_config.get("extra") == "forbid":
                _refuse_unknown(path, reader.fieldnames or (), row, what)
            for record in reader:
                if None in record:
                    raise InputError(f"{path}:{reader.line_num}: the line has more cells than the first one")
                cells = {key: cell for key, cell in record.items() if cell is not None and cell not in absent}
                yield reader.line_num, row.model_validate(cells)
    except OSError as error:
        raise InputError(f"{path}: cannot read the {what}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"]) or "columns"
        given = f", got {first['input']!r}" if isinstance(first["input"], str) else ""
        raise InputError(f"{path}:{reader.line_num}: {column}: {in_words(first)}{given}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV file: {error}") from error
    except ValueError as error:  # a name that no file can have
        raise InputError(f"{path}: cannot read the {what}: {error}") from error


def _refuse_unknown(path: Path, columns: Iterable[str], row: type[BaseModel], what: str) -> None:
    known = set(row.model_fields)
    for field in row.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            known.update(str(choice) for choice in field.validation_alias.choices)
    for column in columns:
        if column not in known:
            raise InputError(f"{path}: not a column of a {what}: {column!r}: {nearest(column, known)}")
