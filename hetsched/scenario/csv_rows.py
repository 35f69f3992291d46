"""Reads CSV files whose lines are checked records, such as profiles and traces."""

import csv
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import AliasChoices, BaseModel, ValidationError

from hetsched.domain.names import without_control
from hetsched.errors import InputError, brief, closest, listed, nearest_key, unit_in_words, why_unreadable
from hetsched.scenario.explaining import of_a_cell

Row = TypeVar("Row", bound=BaseModel)

LARGEST = 10**18
"""The largest integer of a cell."""

FEWER = "remove some, or name their columns there"
"""The advice about a line with too many cells."""

BELOW = "below"
"""A line that a cell swallows if its quotes are open."""

CLOSE = "close the quotes or take them out, and write each row on one line"

NO_TEXT = "not a text in UTF-8: unpack the file, or save it in UTF-8"


def read_rows(
    path: Path,
    row: type[Row],
    what: str,
    columns: Iterable[str],
    absent: Collection[str] = ("",),
    prefix: str | None = None,
    defaults: Mapping[str, str] = MappingProxyType({}),
    renamed: str | None = None,
) -> Iterator[tuple[int, Row]]:
    """The lines of a CSV file as records, with their line numbers. The file must have these columns.

    A cell whose text is in `absent` counts as left out, and gets its value of `defaults`. Columns
    whose names begin with `prefix` are not checked here. No text has a control character, except in
    the column `renamed`. Messages call the file `what`. Raises InputError, naming file, line and
    column, if the file is not of this kind.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a byte-order mark first
            reader = _rows_below_first_line(_whole_lines(path, file))
            names = reader.fieldnames or ()
            _refuse_missing(path, names, row, what, columns)
            _refuse_twice(path, names, row)
            if row.model_config.get("extra") == "forbid":
                _refuse_unknown(path, [n for n in names if prefix is None or not n.startswith(prefix)], row, what)
            for record in reader:
                given = _given(place := f"{path}:{reader.line_num}", record, absent)
                found = row.model_validate({**defaults, **given})
                _refuse_odd(place, found, given, renamed)
                yield reader.line_num, found
    except OSError as error:
        raise InputError(f"{path}: cannot read the {what}: {why_unreadable(error)}") from error
    except ValidationError as error:
        raise InputError(f"{path}:{reader.line_num}: {of_a_cell(error.errors()[0])}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {NO_TEXT}") from error
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file: {error}") from error
    except ValueError as error:  # a name that no file can have
        raise InputError(f"{path}: cannot read the {what}: {error}") from error


def _whole_lines(path: Path, file: Iterable[str]) -> Iterator[str]:
    """The lines of the file. Raises InputError for a line that ends within quotes. Its cell would go
    on in the lines below, up to the next quote or to the end of the file."""
    for number, line in enumerate(file, 1):
        if '"' in line and len(list(csv.reader([line, BELOW], skipinitialspace=True))) == 1:
            raise InputError(f"{path}:{number}: a cell begins with a quote, and no quote ends it in its line: {CLOSE}")
        yield line


def filled_columns(path: Path) -> set[str]:
    """The columns of which the file has a value in some line. `read_rows` must be able to read the
    file."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {column for record in _rows_below_first_line(file) for column in _given(str(path), record, ("",))}


def columns_of(path: Path) -> list[str]:
    """The columns that the file names. Empty: the file cannot be read, and `read_rows` says why."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(_rows_below_first_line(file).fieldnames or ())
    except (OSError, ValueError, csv.Error):
        return []


def _given(place: str, record: Mapping[str | None, str | None], absent: Collection[str]) -> dict[str, str]:
    """The cells that are not left out, by column. Raises InputError if there are too many."""
    if None in record:
        raise InputError(f"{place}: the line has more cells than the first one: {FEWER}")
    cells = {key: cell.strip(" \t") for key, cell in record.items() if key is not None and cell is not None}
    return {key: cell for key, cell in cells.items() if cell not in absent}


def _refuse_odd(place: str, row: BaseModel, cells: Mapping[str, str], renamed: str | None) -> None:
    _refuse_odd_numbers(place, row, cells)
    _refuse_control(place, row, renamed)


def _refuse_odd_numbers(place: str, row: BaseModel, cells: Mapping[str, str]) -> None:
    """Raise InputError if the row has an integer with which nothing can be computed, or a number
    whose digits are in groups, as in Python."""
    grouped = any("_" in cell for cell in cells.values())
    for name, value in row.__dict__.items():
        if type(value) is int and abs(value) > LARGEST:
            raise InputError(f"{place}: {name} has {len(str(abs(value)))} digits, expected an integer up to 10^18")
        if grouped and isinstance(value, int | float):
            found = [cells[word] for word in _spellings(type(row), name) if "_" in cells.get(word, "")]
            if found:
                raise InputError(f"{place}: {name}: expected a number without '_', got {found[0]!r}")


def _refuse_control(place: str, row: BaseModel, renamed: str | None) -> None:
    """Raise InputError if a text of the row, or the name of a column, has a control character."""
    for name, value in row.__dict__.items():
        try:
            if name != renamed:
                without_control(value)
        except ValueError as error:
            raise InputError(f"{place}: {name}: {error}, got {brief(value)}") from error


def _rows_below_first_line(file: Iterable[str]) -> "csv.DictReader[str]":
    """The lines below the first line that is not blank, which names the columns. Blanks around
    names are ignored."""
    reader = csv.DictReader(file, skipinitialspace=True)
    while reader.fieldnames is not None and not any(name.strip() for name in reader.fieldnames):
        reader.fieldnames = None
    if reader.fieldnames is not None:
        reader.fieldnames = [name.strip() for name in reader.fieldnames]
    return reader


def _refuse_missing(
    path: Path, columns: Collection[str], row: type[BaseModel], what: str, needed: Iterable[str]
) -> None:
    """Raise InputError if needed columns are missing. It names each one, and the unknown column
    that may be meant."""
    missing = [name for name in needed if {name, *_spellings(row, name)}.isdisjoint(columns)]
    if not missing:
        return
    if (hint := of_first_line(columns)) is not None:
        raise InputError(f"{path}: not a {what}: {hint}")
    unknown, hints = set(columns) - _known(row), []
    for name in missing:
        close = next(filter(None, (closest(word, unknown) for word in sorted(_spellings(row, name)))), None)
        if close is not None:
            hints.append(f"is {close!r} meant for {name!r}{unit_in_words(name)}?")
            unknown.discard(close)
    names = [" or ".join(map(repr, dict.fromkeys([name, *_spellings(row, name)]))) for name in missing]
    which = f"columns {listed(names)} are" if len(names) > 1 else f"column {listed(names)} is"
    hint = f": {' '.join(hints)}" if hints else ""
    raise InputError(f"{path}: not a {what}: {which} missing from the first line{hint}")


def of_first_line(columns: Collection[str]) -> str | None:
    """The advice about a first line that separates names by another sign than commas. None: it uses
    commas.

    >>> of_first_line(["job_id;gpu_num"])
    "the first line has ';' between its columns: save the file with commas"
    """
    for sign, name in ((";", "';'"), ("\t", "tabs"), ("|", "'|'")):
        if sum(column.count(sign) for column in columns) >= len(columns) > 0:
            return f"the first line has {name} between its columns: save the file with commas"
    return None


def _refuse_twice(path: Path, columns: Collection[str], row: type[BaseModel]) -> None:
    """Raise InputError if the file has one column twice, under one name or under two names."""
    for column, times in Counter(columns).items():
        if times > 1:
            raise InputError(f"{path}: column {column!r} is {times} times in the first line: keep one")
    for name in row.model_fields:
        if len(both := sorted(_spellings(row, name).intersection(columns))) > 1:
            raise InputError(f"{path}: the columns {' and '.join(map(repr, both))} mean the same: keep one")


def _spellings(row: type[BaseModel], name: str) -> set[str]:
    """The names that the column may have in a file."""
    field = row.model_fields.get(name)
    choices = field.validation_alias if field is not None else None
    return {*map(str, choices.choices)} if isinstance(choices, AliasChoices) else {name}


def _known(row: type[BaseModel]) -> set[str]:
    return set[str]().union(*(_spellings(row, name) for name in row.model_fields))


def _refuse_unknown(path: Path, columns: Iterable[str], row: type[BaseModel], what: str) -> None:
    known = _known(row)
    for column in columns:
        if not column:
            raise InputError(f"{path}: a column has no name: take it out (pandas: to_csv(..., index=False))")
        if column not in known:
            raise InputError(f"{path}: not a column of a {what}: {column!r}: {nearest_key(column, known)}")
