"""Prints tables without cutting a figure or a name."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from os import environ

from rich.console import Console
from rich.table import Column, Table

from hetsched.report.terminal import Terminal

WIDEST = 10_000
"""A width in characters that no table needs."""

WITHOUT_A_TERMINAL = 140
"""The width of a table that no terminal shows, in characters. Text wraps there."""

FRAME = 3
"""Characters that a column needs beside its text: a blank on each side, and a line."""


def print_table(table: Table, console: Console) -> None:
    """Print a table. Brackets, as in "[s]", are text.

    Where the terminal is too narrow for the table, the table is printed in parts, one below the
    other. Each part repeats the first columns, which name the rows. Without a terminal, a table is
    as wide as its figures need, or as the environment variable COLUMNS says.
    """
    if not console.is_terminal:
        needed = max(console.width, WITHOUT_A_TERMINAL, _width(table, table.columns))
        console = Terminal(file=console.file, width=_asked_width() or needed)
    for part in _parts(table, console.width):
        console.print(part, markup=False)


def _asked_width() -> int | None:
    """The width that COLUMNS asks for, in characters. None: it is not set, or no number above 0."""
    asked = environ.get("COLUMNS", "")
    return int(asked) or None if asked.isdecimal() else None


def _parts(table: Table, width: int) -> Iterator[Table]:
    """The table, or parts of it that fit into the width. A part has at least one column beside
    those that name rows."""
    if _width(table, table.columns) <= width:
        yield _part(table, table.columns, width)
        return
    names = _names(table, width)
    taken: list[Column] = []
    for column in table.columns[len(names) :]:
        if taken and _width(table, [*names, *taken, column]) > width:
            yield _part(table, [*names, *taken], width)
            taken = []
        taken.append(column)
    yield _part(table, [*names, *taken], width)


def _names(table: Table, width: int) -> Sequence[Column]:
    """The columns that name a row: those before the first figure.

    If these columns take more than half the width, only the first column is repeated.
    """
    before = list(takewhile(lambda column: column.justify == "left", table.columns))
    return before if before and _width(table, before) <= width / 2 else table.columns[:1]


def _part(table: Table, columns: Sequence[Column], width: int) -> Table:
    """A table of some columns. Its figures and names do not wrap unless the width is too small for
    them."""
    fits = _width(table, columns) <= width
    widths = _widths(table, columns, width) if fits else [None] * len(columns)
    part = Table(title=table.title, header_style=table.header_style)
    for column, characters in zip(columns, widths, strict=True):
        no_wrap = fits and not _wraps(table, column)
        part.add_column(column.header, justify=column.justify, no_wrap=no_wrap, overflow="fold", width=characters)
    for row, cells in zip(table.rows, zip(*(column.cells for column in columns), strict=True), strict=True):
        part.add_row(*cells, end_section=row.end_section)
    return part


def _width(table: Table, columns: Sequence[Column]) -> int:
    """The characters that the columns need if text wraps between words and nothing else wraps."""
    return sum(_least_and_most(table, column)[0] + FRAME for column in columns) + 1


def _widths(table: Table, columns: Sequence[Column], width: int) -> list[int]:
    """The characters per column in a table of that width. No word is cut. Text columns share what
    figures leave."""
    needs = [_least_and_most(table, column) for column in columns]
    widths = [least for least, _ in needs]
    left = width - _width(table, columns)
    by_need = sorted(range(len(needs)), key=lambda number: needs[number][1] - needs[number][0])
    for given, number in enumerate(by_need):
        least, most = needs[number]
        more = min(most - least, left // (len(by_need) - given))
        widths[number] += more
        left -= more
    return widths


def _least_and_most(table: Table, column: Column) -> tuple[int, int]:
    """The characters of the column with all its wraps between words, and without any wrap.

    Both are equal for a column that may not wrap.
    """
    measures = [Terminal(width=WIDEST).measure(text) for text in (column.header, *column.cells)]
    most = max(measure.maximum for measure in measures)
    return (max(measure.minimum for measure in measures) if _wraps(table, column) else most), most


def _wraps(table: Table, column: Column) -> bool:
    """Whether the column is text, which wraps. The first column has names, right-justified columns
    have figures."""
    return column is not table.columns[0] and column.justify == "left" and not column.no_wrap
