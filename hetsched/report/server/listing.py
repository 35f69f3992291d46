"""The list of the runs in a folder and of their states. Only the first and the last line of each
log are read."""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from os import stat_result
from pathlib import Path
from threading import Lock

import msgspec
from msgspec import Struct

from hetsched.core.events import COMPLETED
from hetsched.core.log import LOG_NAME
from hetsched.core.older_logs import NOT_READ
from hetsched.errors import InputError, counted
from hetsched.report.printable import printable
from hetsched.report.server.places import Found, Served, files
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.sittings import STUDY_NAME, study_of

SILENT_S = 60.0
"""A run that has not written for this many seconds is silent. A real run writes every few
seconds."""

READ = {LOG_NAME, SCENARIO_NAME, STUDY_NAME}
"""The files by which runs and studies are found."""

LINE_BYTES = 2**16
"""The bytes that are read at the start and at the end of a log."""


class ListedRun(Struct, frozen=True):
    """A run of the list. `address` is the percent-encoded path of its folder. `state` is in words.

    `now_s` is the time of the last event in seconds. Unknown fields are empty or None.
    """

    address: str
    name: str
    state: str
    strategy: str = ""
    seed: int | None = None
    backend: str = ""
    now_s: float | None = None


class ListedStudy(Struct, frozen=True):
    """A results folder of the list, with the runs in it and below it. `what` and `state` are in
    words.

    `changed` is the time of the last change in seconds since 1970 (0: unknown).
    """

    address: str
    name: str
    what: str
    state: str
    changed: float
    runs: list[ListedRun]


class _Line(Struct):
    """The fields that are read of an event of any format."""

    event: str
    time: float
    strategy: str = ""
    seed: int | None = None
    backend: str = ""
    reason: str = ""


_decoder = msgspec.json.Decoder(_Line)


class Listing:
    """The studies of the served folder. Several threads may call at once.

    One thread looks at the folder. The time from one look to the next is at least a second, and at
    least ten times what the look took.
    """

    def __init__(self, served: Served) -> None:
        self._served = served
        self._lock = Lock()
        self._runs: dict[Path, tuple[tuple[int, int], ListedRun]] = {}
        self._studies: list[ListedStudy] = []
        self._again_at = 0.0

    def studies(self) -> list[ListedStudy]:
        """The studies, the last changed one first."""
        with self._lock:
            if (began := time.monotonic()) >= self._again_at:
                self._studies = self._looked()
                took = time.monotonic() - began
                self._again_at = began + max(1.0, 10 * took)
            return self._studies

    def _looked(self) -> list[ListedStudy]:
        homes: dict[Path, list[tuple[ListedRun, float]]] = {}
        known, self._runs = self._runs, {}
        closed: list[Path] = []
        listed = [found for found in files(self._served.root, closed.append) if found[0].name in READ]
        for home, log, found in _logs_by_study(self._served, listed):
            version = (found.st_mtime_ns, found.st_size)
            before = known.get(log)
            run = before[1] if before is not None and before[0] == version else self._run(log, found)
            self._runs[log] = version, run
            homes.setdefault(home, []).append((_with_silence(run, found), found.st_mtime))
        studies = [self._study(home, runs) for home, runs in homes.items()]
        studies += [self._without_log(*found) for found in _without_logs(listed, homes)]
        studies += [self._closed(path) for path in closed]
        return sorted(studies, key=lambda study: study.changed, reverse=True)

    def _study(self, home: Path, runs: list[tuple[ListedRun, float]]) -> ListedStudy:
        listed = [run for run, _ in runs]
        changed = max(changed for _, changed in runs)
        return ListedStudy(
            self._served.written(home), self._served.shown(home), _what(listed), _state(listed), changed, listed
        )

    def _closed(self, folder: Path) -> ListedStudy:
        """The entry of a folder that cannot be read. The list shows it, because it may have
        runs."""
        return ListedStudy(self._served.written(folder), self._served.shown(folder), "", UNREADABLE, 0.0, [])

    def _without_log(self, home: Path, changed: float) -> ListedStudy:
        """The entry of a study without a log: it has no run yet, or it kept none. Its `study.json`
        shows that it began."""
        try:
            study = study_of(home)
        except InputError:
            what, state = "", UNREADABLE
        else:
            what = "" if study is None else study.study
            state = COMPLETED if (home / SUMMARY_NAME).is_file() else _silent(STARTING, changed)
        return ListedStudy(self._served.written(home), self._served.shown(home), what, state, changed, [])

    def _run(self, log: Path, found: stat_result) -> ListedRun:
        address, name = self._served.written(log.parent), self._served.shown(log.parent)
        if not found.st_size:
            return ListedRun(address, name, STARTING)
        try:
            first, last = first_and_last(log, found.st_size)
        except (OSError, *NOT_READ):
            return ListedRun(address, name, UNREADABLE)
        state = last.reason if last.event == "run-ended" else RUNNING
        strategy, backend = printable(first.strategy), printable(first.backend)
        return ListedRun(address, name, printable(state), strategy, first.seed, backend, last.time)


STARTING, RUNNING, UNREADABLE = "starting", "running", "cannot be read"


def _with_silence(run: ListedRun, found: stat_result) -> ListedRun:
    return msgspec.structs.replace(run, state=_silent(run.state, found.st_mtime))


def _silent(state: str, changed: float) -> str:
    """The state of a run or study that was last written at `changed`. After `SILENT_S` it may have
    broken off."""
    silent = state in (STARTING, RUNNING) and time.time() - changed > SILENT_S
    return f"silent: {state}, or broken off" if silent else state


def first_and_last(log: Path, size: int) -> tuple[_Line, _Line]:
    """The first and the last whole line of a log of `size` bytes.

    Raises an error in `NOT_READ` if a line is not of a log, and OSError if the file cannot be read.
    """
    with log.open("rb") as file:
        head = file.read(LINE_BYTES)
        file.seek(max(0, size - LINE_BYTES))
        tail = file.read(LINE_BYTES)
    last = tail[: tail.rfind(b"\n")].rpartition(b"\n")[2]
    return _decoder.decode(head.partition(b"\n")[0]), _decoder.decode(last)


def _logs_by_study(served: Served, listed: Sequence[Found]) -> Iterator[tuple[Path, Path, stat_result]]:
    """Each log with its stat and the folder of its study. Links out of the served folder are left
    out.

    The folder of the study is the topmost folder above the log that has a scenario, or the log's
    own folder.
    """
    studies = {Path(entry.path).parent for entry, _ in listed if entry.name == SCENARIO_NAME}
    for entry, found in listed:
        log = Path(entry.path)
        if entry.name == LOG_NAME and (not entry.is_symlink() or served.holds(log)):
            above = [folder for folder in log.parents if folder in studies]
            yield (above[-1] if above else log.parent), log, found


def _without_logs(listed: Sequence[Found], with_logs: Collection[Path]) -> Iterator[tuple[Path, float]]:
    """The folder of each study without a log, and the time at which its `study.json` changed, in
    seconds since 1970.

    Studies within other studies are left out.
    """
    written = {
        Path(entry.path).parent: found.st_mtime
        for entry, found in listed
        if entry.name == STUDY_NAME and not entry.is_symlink()
    }
    studies = {*with_logs, *written}
    for home, changed in written.items():
        if home not in with_logs and studies.isdisjoint(home.parents):
            yield home, changed


def _what(runs: list[ListedRun]) -> str:
    """The strategies and seeds of a study, in words."""
    strategies = list(dict.fromkeys(run.strategy for run in runs if run.strategy))
    if len(runs) == 1:
        [run] = runs
        return f"{run.strategy}, seed {run.seed} ({run.backend})" if run.strategy else ""
    named = strategies[0] if len(strategies) == 1 else f"{len(strategies)} strategies"
    return f"{named}, {counted(len(runs), 'run')}"


def _state(runs: Iterable[ListedRun]) -> str:
    """The state of a study in words: the state of its runs if all are equal, otherwise the number
    of runs per state."""
    states = [run.state for run in runs]
    if len(set(states)) == 1:
        return states[0]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
