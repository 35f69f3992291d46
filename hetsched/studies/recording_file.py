"""A file of recordings that grows. It is complete at every moment, and a later call can go on with
it."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from hetsched.errors import InputError
from hetsched.scenario.whole_file import write_whole
from hetsched.studies.recording_plan import Recorded, RecordingPlan

Line = Mapping[str, str]


class RecordingFile:
    """The recordings of a plan in a CSV file, in the order of their numbers.

    The whole file is replaced for every recording. If the process is killed, every recording in the
    file is complete.
    """

    def __init__(self, path: Path, plan: RecordingPlan) -> None:
        """Read the recordings that the file already has.

        Raises InputError, with the line, if a recording is not of this plan. Raises OSError if the
        file cannot be read.
        """
        self._path, self._plan = path, plan
        self._lines: dict[int, Sequence[Line]] = {}
        if path.exists():
            self._take()

    @property
    def finished(self) -> set[int]:
        """The numbers of the recordings in the file."""
        return set(self._lines)

    def add(self, recorded: Recorded) -> None:
        """Write one more recording."""
        self._lines[recorded.number] = self._plan.lines(recorded)
        text = io.StringIO()
        writer = csv.DictWriter(text, self._plan.columns, lineterminator="\n")
        writer.writeheader()
        for number in sorted(self._lines):
            writer.writerows(self._lines[number])
        write_whole(self._path, text.getvalue().encode())

    def _take(self) -> None:
        try:
            text = self._path.read_text(encoding="utf-8")
            lines = [next(csv.reader([line]), []) for line in text.splitlines()]
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{self._path}: not a recording file: {error}; {_NAME_ANOTHER}") from error
        if not lines or lines[0] != self._plan.columns:
            found = ",".join(lines[0]) if lines else "an empty file"
            expected = ",".join(self._plan.columns)
            raise InputError(f"{self._path}:1: expected the columns {expected}, found {found}; {_NAME_ANOTHER}")
        numbered = [(number, line) for number, line in enumerate(lines[1:], 2) if line]
        whole = text.endswith("\n")
        for name, of_one in groupby(numbered, key=lambda line: line[1][0]):
            its_lines = list(of_one)
            self._take_one(name, its_lines, cut_off=not whole and its_lines[-1] == numbered[-1])

    def _take_one(self, name: str, lines: list[tuple[int, list[str]]], cut_off: bool) -> None:
        """Read one recording. If it lacks lines, it is recorded again where the file was `cut_off`
        in its midst, and is refused elsewhere."""
        if not name.isdecimal():
            raise InputError(f"{self._path}:{lines[0][0]}: expected the number of a recording, found {name!r}")
        drawn = self._plan.drawn(int(name))
        columns, kept = self._plan.columns, []
        for (line, cells), iteration in zip(lines, self._plan.evaluated_at, strict=False):
            if len(cells) != len(columns):
                if cut_off and line == lines[-1][0]:
                    return
                raise InputError(f"{self._path}:{line}: expected {len(columns)} cells, found {len(cells)}")
            found = dict(zip(columns, cells, strict=True))
            for column, expected in self._plan.cells(drawn, iteration).items():
                if found[column] != expected:
                    raise InputError(
                        f"{self._path}:{line}: {column}: this command would record {expected}, found "
                        f"{found[column]}; {_NAME_ANOTHER}"
                    )
            kept.append(found)
        if len(lines) > len(kept):
            raise InputError(
                f"{self._path}:{lines[len(kept)][0]}: recording {name} goes on beyond iteration "
                f"{self._plan.iterations}; {_NAME_ANOTHER}"
            )
        if len(kept) == len(self._plan.evaluated_at):
            self._lines[int(name)] = kept
        elif not cut_off:
            raise InputError(
                f"{self._path}:{lines[-1][0]}: recording {name} ends at iteration "
                f"{self._plan.evaluated_at[len(kept) - 1]}, and this command would record {self._plan.iterations}; "
                f"{_NAME_ANOTHER}, or remove its lines"
            )


_NAME_ANOTHER = "give the options and the scenario that the file was begun with, or name another file"
