"""The progress of long work, on stderr: a bar on a terminal, elsewhere a plain line at
intervals."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hetsched.report.figures_in_words import share
from hetsched.report.printable import printable
from hetsched.report.terminal import Terminal, say_meanwhile

PLAIN_LINE_EVERY_S = 10.0
"""The least seconds between two plain lines."""

SILENT_S = 2.0
"""Work that takes fewer seconds shows no progress."""


class ProgressLine:
    """Shows how much of `total` is done. `advance` shows nothing in the first two seconds."""

    def __init__(self, what: str, total: float) -> None:
        self._what = printable(what)
        self._total = total
        self._done = 0.0
        self._began = self._last_line = time.monotonic()
        self._bar: Progress | None = None
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    @property
    def share(self) -> float:
        """The fraction that is done, from 0 to 1."""
        return self._done / self._total if self._total else 1.0

    def note(self, text: str) -> None:
        """Show at once what the work does now, before a step that takes long."""
        if self._terminal:
            self._draw(text)
        else:
            say_meanwhile(f"{self._what}: {text}")

    def advance(self, by: float = 1, note: str = "") -> None:
        """Add `by` to what is done, and show the progress. `note` says what the work does now."""
        self._done += by
        now = time.monotonic()
        if now - self._began < SILENT_S:
            return
        if self._terminal:
            self._draw(note)
        elif now - self._last_line >= PLAIN_LINE_EVERY_S or self._last_line == self._began:
            self._last_line = now
            took_s = now - self._began
            left = f", about {took_s * (1 / self.share - 1):.0f} s left" if 0 < self.share < 1 else ""
            done = f"{share(self.share)} after {took_s:.0f} s{left}"
            say_meanwhile(f"{self._what}: {done} {note}".rstrip())

    def _draw(self, note: str) -> None:
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                console=Terminal(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total, note="")
        self._bar.update(self._task, completed=self._done, note=printable(note))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
