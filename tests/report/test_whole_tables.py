"""Tables are whole in every width: no figure and no name in them is cut."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rich.table import Table

from hetsched.report.terminal import Terminal
from hetsched.report.whole_tables import print_table

STRATEGIES = ["uniform+fifo (baseline)", "fusion+least-progress"]


def compared(figures: int) -> Table:
    """A table like that of a comparison: the figure of row 1 in column 2 is 1002.5."""
    table = Table(header_style="bold")
    table.add_column("strategy")
    for column in range(figures):
        table.add_column(f"figure\n{column}", justify="right")
    for row, name in enumerate(STRATEGIES):
        table.add_row(name, *(f"{1000 * row + column}.5" for column in range(figures)))
    return table


def printed(table: Table, width: int, terminal: bool = True) -> list[str]:
    file = StringIO()
    print_table(table, Terminal(file=file, width=width, force_terminal=terminal, color_system=None))
    return file.getvalue().splitlines()


@given(some.integers(1, 15), some.integers(40, 200))
def test_every_figure_is_whole_and_in_the_row_of_its_strategy(figures: int, width: int) -> None:
    lines = printed(compared(figures), width)
    assert all(len(line) <= width for line in lines) and "…" not in "".join(lines)
    for row, name in enumerate(STRATEGIES):
        of_row = " ".join(line for line in lines if name in line)
        assert [cell for cell in of_row.replace("│", " ").split() if cell.endswith(".5")] == [
            f"{1000 * row + column}.5" for column in range(figures)
        ]


def test_a_table_that_fits_is_one() -> None:
    lines = printed(compared(3), 100)
    assert sum(line.startswith("└") for line in lines) == 1


def test_a_narrow_terminal_gets_parts_that_begin_with_the_names() -> None:
    lines = printed(compared(8), 80)
    assert sum(line.startswith("└") for line in lines) == 2
    assert [sum(name in line for line in lines) for name in STRATEGIES] == [2, 2]


def test_text_wraps_between_words_before_a_table_is_split() -> None:
    table = Table("policy", "what it does")
    table.add_row("fifo", "the trial that has waited longest goes first " * 3)
    lines = printed(table, 60)
    assert sum(line.startswith("└") for line in lines) == 1 and all(len(line) <= 60 for line in lines)


@pytest.mark.parametrize("columns", ["80", "100"])
def test_without_a_terminal_columns_says_how_wide_a_table_is(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = printed(compared(40), 200, terminal=False)
    assert max(map(len, lines)) <= int(columns) and sum(line.startswith("└") for line in lines) > 1


@pytest.mark.parametrize("columns", [None, "", "0", "wide"])
def test_without_a_terminal_a_table_is_as_wide_as_its_figures(
    columns: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    lines = printed(compared(40), 80, terminal=False)
    assert sum(line.startswith("└") for line in lines) == 1 and len(lines[0]) > 300


def test_a_name_wider_than_the_terminal_is_folded_not_cut() -> None:
    table = Table("strategy")
    table.add_column("figure", justify="right")
    table.add_row("a" * 50, "1.5")
    lines = printed(table, 30)
    assert "".join(lines).count("a") >= 50 and all(len(line) <= 30 for line in lines)


@given(some.lists(some.sampled_from(["capacity", "renaming", "always ends", "same seed"]), min_size=1, max_size=9))
def test_no_word_of_a_heading_is_cut(headings: list[str]) -> None:
    """At 80 columns the table of `hetsched policies check` had a heading "renamin" and, below it,
    "g"."""
    table = Table("scheduling policy", *headings)
    table.add_row("fifo", *(["pass"] * len(headings)))
    lines = printed(table, 80)
    assert all(len(line) <= 80 for line in lines)
    found = " ".join(lines).replace("┃", " ").split()
    assert {word for heading in headings for word in heading.split()} <= set(found)
