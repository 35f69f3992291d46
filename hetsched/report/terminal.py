"""The console that makes all text printable, and lines that fit the terminal."""

import sys
from contextlib import suppress
from re import match
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.text import Text

from hetsched.report.printable import printable


class Terminal(Console):
    """A console that makes text printable. Brackets and colons in names, as in "[s]" and ":x:", are
    shown as text."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, **settings)

    def render_str(self, text: str, **look: Any) -> Text:
        return super().render_str(printable(text), **look)


def say_meanwhile(text: str) -> None:
    """Print a line about work that goes on, on stderr. If the line cannot be written, such as into a
    file on a full disk, the work goes on without it."""
    with suppress(OSError):
        print(printable(text), file=sys.stderr, flush=True)


def line(text: str) -> Text:
    """A line of text that is cut at the width of the terminal."""
    return Text(printable(text), overflow="ellipsis", no_wrap=True)


def wrapped(text: str, width: int) -> str:
    """Text that wraps between words at the width, in characters.

    If a line has two columns, its continuation begins at the second column. A second column in the
    right half of the width does not count. A word that is longer than the width, such as a path,
    stays whole.

    >>> print(wrapped("  the makespan is below its bound", 20))
      the makespan is
      below its bound
    """
    lines: list[str] = []
    for whole in text.split("\n"):
        columns = match(r"\s*(\S.*?\s{2,}(?=\S))?", whole)
        begin = " " * (columns.end() if columns and columns.end() <= width / 2 else 0)
        lines += wrap(whole, width, subsequent_indent=begin, break_long_words=False, break_on_hyphens=False) or [""]
    return "\n".join(lines)
