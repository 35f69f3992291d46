"""Printing a table so that no figure and no name in it is cut."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from rich.console import Console
from rich.table import Column, Table

from hetsched.report.terminal import Terminal

WIDEST = 10_000
"""Characters that no table needs."""

WITHOUT_A_TERMINAL = 140
"""The width of a table that no terminal shows, in characters. Text wraps there."""

FRAME = 3
"""Characters that a column needs beside its text: a blank on each side, and a line."""


def print_table(table: Table, console: Console) -> None:
    """Print a table. Brackets, as in "[s]", are text.

    Where the terminal is too narrow for the table, the table is printed in parts, one below the other. Each part
    repeats the first columns, which name the rows. Without a terminal, a table is as wide as its figures need.
    """
    if not console.is_terminal:
        console = Terminal(
            file=console.file, width=max(console.width, WITHOUT_A_TERMINAL, _width(table, table.columns))
        )
    for part in _parts(table, console.width):
        console.print(part, markup=False)


def _parts(table: Table, width: int) -> Iterator[Table]:
    """The table, or parts of it that fit into the width. A part has at least one column beside those that name rows."""
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
    """The columns that name a row: those before the first figure. If they take over half the width, the first alone."""
    before = list(takewhile(lambda column: column.justify == "left", table.columns))
    return before if before and _width(table, before) <= width / 2 else table.columns[:1]


def _part(table: Table, columns: Sequence[Column], width: int) -> Table:
    """A table of some columns. Its figures and names do not wrap unless the width is too small for them."""
    fits = _width(table, columns) <= width
    part = Table(title=table.title, header_style=table.header_style)
    for column in columns:
        part.add_column(
            column.header, justify=column.justify, no_wrap=fits and not _wraps(table, column), overflow="fold"
        )
    for row, cells in zip(table.rows, zip(*(column.cells for column in columns), strict=True), strict=True):
        part.add_row(*cells, end_section=row.end_section)
    return part


def _width(table: Table, columns: Sequence[Column]) -> int:
    """The characters that the columns need if only text wraps, and that between words alone."""
    measure = Terminal(width=WIDEST).measure
    widths = (
        max(
            measure(text).minimum if _wraps(table, column) else measure(text).maximum
            for text in (column.header, *column.cells)
        )
        for column in columns
    )
    return sum(width + FRAME for width in widths) + 1


def _wraps(table: Table, column: Column) -> bool:
    """Whether it is text. The first column and right-justified ones are names and figures."""
    return column is not table.columns[0] and column.justify == "left" and not column.no_wrap
