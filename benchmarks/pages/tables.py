"""Tables in pages. A comment above a table names it, and a function makes its rows."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from benchmarks.kept_rows import MEASURED, read

MARK = re.compile(r"<!-- table: (?P<name>[\w-]+) -->\n\n(?P<table>(?:\|.*\n)*)\n?")
"""The comment that names a table, and the table below it."""

Cells = Sequence[str]
Maker = Callable[[], Iterable[Cells]]
"""Makes the rows of a table, its headings first."""


def filled(page: str, tables: Mapping[str, Maker]) -> str:
    """The page with every named table made anew. Raises KeyError for a name without a table."""
    return MARK.sub(lambda found: _marked(found["name"], tables[found["name"]]()), page)


def named(page: str) -> list[str]:
    """The names of the tables in a page."""
    return [found["name"] for found in MARK.finditer(page)]


def _marked(name: str, rows: Iterable[Cells]) -> str:
    return f"<!-- table: {name} -->\n\n" + "".join(f"{line}\n" for line in _lines(rows)) + "\n"


def _lines(rows: Iterable[Cells]) -> Iterator[str]:
    for number, cells in enumerate(rows):
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"| {' | '.join('---' for _ in cells)} |"


Value = str | float


def measured(
    file: str,
    columns: Mapping[str, str],
    where: Callable[[Mapping[str, Value]], bool] = lambda row: True,
    by: Callable[[Mapping[str, Value]], Value | tuple[Value, ...]] | None = None,
) -> Maker:
    """A table of the rows of docs/measured/`file`.

    `columns` has the format of the cells by heading, in which names stand for columns of the file:
    {"CPU s": "{seconds:.1f}"}. `where` chooses rows and `by` sorts them.
    """

    def rows() -> Iterator[Cells]:
        yield list(columns)
        chosen = [row for row in map(_with_numbers, read(MEASURED / file)) if where(row)]
        for row in chosen if by is None else sorted(chosen, key=by):
            yield [_cell(form, row) for form in columns.values()]

    return rows


def as_kept(file: str) -> Maker:
    """A table of all rows of docs/measured/`file`, with its texts and headings, without the date."""

    def rows() -> Iterator[Cells]:
        found = read(MEASURED / file)
        columns = [name for name in found[0] if name != "measured"]
        yield columns
        yield from ([row[name] for name in columns] for row in found)

    return rows


def _with_numbers(row: Mapping[str, str]) -> dict[str, Value]:
    return {name: _number(text) for name, text in row.items()}


def _number(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text


def _cell(form: str, row: Mapping[str, Value]) -> str:
    """A cell. It is "-" where the file has no figure."""
    names = re.findall(r"\{(\w+)", form)
    return "-" if any(row[name] == "" for name in names) else form.format(**row)
