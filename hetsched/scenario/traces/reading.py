"""Counts of the jobs of a trace that were read, changed and left out, with the reasons."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from hetsched.errors import counted


class Reading(Struct, frozen=True):
    """Numbers of jobs. `changed` and `left_out` have one number per reason.

    A job may be changed for several reasons. It is left out for the first one. `first` has, per
    reason, the place of the first job in the file and the value that the job had.
    """

    file: str
    format: str
    read: int
    kept: int
    changed_jobs: int
    changed: Mapping[str, int]
    left_out: Mapping[str, int]
    first: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """The counts as `--json` prints them."""
        return {
            "file": self.file,
            "format": self.format,
            "read": self.read,
            "kept": self.kept,
            "changed": {"jobs": self.changed_jobs, **self.changed},
            "left_out": {"jobs": self.read - self.kept, **self.left_out},
        }

    def lines(self) -> list[str]:
        """The counts in words: one line for all jobs, and one line per reason. Empty if no job was
        changed or left out."""
        if not self.changed and not self.left_out:
            return []
        out = self.read - self.kept
        lines = [
            f"the trace ({self.format}): {counted(self.read, 'job')} read, {self.kept} kept, "
            f"{self.changed_jobs} of them changed, {out} left out"
        ]
        for what, reasons in (("changed", self.changed), ("left out", self.left_out)):
            lines += [f"{what}: {n} {reason} (first: {self.first[reason]})" for reason, n in reasons.items()]
        return lines


class Counts:
    """Counts jobs while a trace is read. Changes of a job that is left out later do not count."""

    def __init__(self) -> None:
        self.read = 0
        self.left_out: Counter[str] = Counter()
        self._changes: list[tuple[str, str]] = []
        self._out: dict[str, str] = {}
        self._more: dict[tuple[str, str], str] = {}

    def change(self, reason: str, line: str, more: str = "") -> None:
        self._changes.append((reason, line))
        self._more[reason, line] = more

    def leave_out(self, reason: str, line: str, more: str = "") -> None:
        self.left_out[reason] += 1
        self._out[line] = reason
        self._more[reason, line] = more

    def first(self) -> dict[str, str]:
        """Per reason, the place of the first job in the file and the value that the job had."""
        first: dict[str, str] = {}
        for reason, line in [*self._kept_changes(), *((reason, line) for line, reason in self._out.items())]:
            more = self._more[reason, line]
            first.setdefault(reason, f"{_place(line)}: {more}" if more else _place(line))
        return first

    def _kept_changes(self) -> list[tuple[str, str]]:
        return [(reason, line) for reason, line in self._changes if line not in self._out]

    def reading(self, file: str, trace_format: str) -> Reading:
        changes = self._kept_changes()
        return Reading(
            file=file,
            format=trace_format,
            read=self.read,
            kept=self.read - self.left_out.total(),
            changed_jobs=len({line for _, line in changes}),
            changed=dict(Counter(reason for reason, _ in changes)),
            left_out=dict(self.left_out),
            first=self.first(),
        )


def _place(line: str) -> str:
    """The place of a job within its file, without the file's name, because a results folder renames
    the file.

    >>> _place("logs/log.csv:3"), _place("logs/log.json: job 0 (a1)")
    ('line 3', 'job 0 (a1)')
    """
    _, job, rest = line.rpartition(": job ")
    return f"job {rest}" if job else f"line {line.rpartition(':')[2]}"
