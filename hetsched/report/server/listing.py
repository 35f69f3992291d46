"""What runs there are in a folder, and how they stand: from the first and the last line of each log."""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from os import stat_result
from pathlib import Path
from threading import Lock

import msgspec
from msgspec import Struct

from hetsched.core.log import LOG_NAME
from hetsched.core.older_logs import NOT_READ
from hetsched.errors import InputError, counted
from hetsched.report.printable import printable
from hetsched.report.server.places import Found, Served, files
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.resume import COMPLETED
from hetsched.studies.sittings import STUDY_NAME, study_of

SILENT_S = 60.0
"""A real run writes every few seconds; of one that has not for so long nobody knows whether it still runs."""

READ = {LOG_NAME, SCENARIO_NAME, STUDY_NAME}
"""The files by which runs and studies are found."""

LINE_BYTES = 2**16
"""What is read of the beginning, and of the end, of a log."""


class ListedRun(Struct, frozen=True):
    """A run. `address` is the percent-encoded path of its folder; `state` is in words; `now_s` is the time of the last
    event. What is not known is empty, or None."""

    address: str
    name: str
    state: str
    strategy: str = ""
    seed: int | None = None
    backend: str = ""
    now_s: float | None = None


class ListedStudy(Struct, frozen=True):
    """A results folder, with the runs in it and below it. `what` and `state` are in words, `changed` is the time of the
    last change to a log, in seconds since 1970, 0 where it is not known."""

    address: str
    name: str
    what: str
    state: str
    changed: float
    runs: list[ListedRun]


class _Line(Struct):
    """What is looked at of an event of any format."""

    event: str
    time: float
    strategy: str = ""
    seed: int | None = None
    backend: str = ""
    reason: str = ""


_decoder = msgspec.json.Decoder(_Line)


class Listing:
    """The studies of the served folder. Several threads may ask at once; one looks, no sooner than a second after the
    last look, and than ten times as long as that took."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._lock = Lock()
        self._runs: dict[Path, tuple[tuple[int, int], ListedRun]] = {}
        self._studies: list[ListedStudy] = []
        self._again_at = 0.0

    def studies(self) -> list[ListedStudy]:
        """Those that were written to last come first."""
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
        """A folder that cannot be read: it may hold runs, and nobody knows of it otherwise."""
        return ListedStudy(self._served.written(folder), self._served.shown(folder), "", UNREADABLE, 0.0, [])

    def _without_log(self, home: Path, changed: float) -> ListedStudy:
        """A study that has begun, by its `study.json`, and has no run yet, or kept none."""
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
    """The state of what was written to last at that time, which may have broken off since."""
    silent = state in (STARTING, RUNNING) and time.time() - changed > SILENT_S
    return f"silent: {state}, or broken off" if silent else state


def first_and_last(log: Path, size: int) -> tuple[_Line, _Line]:
    """The first and the last whole line. Raises one of NOT_READ if they are not of a log, and OSError."""
    with log.open("rb") as file:
        head = file.read(LINE_BYTES)
        file.seek(max(0, size - LINE_BYTES))
        tail = file.read(LINE_BYTES)
    last = tail[: tail.rfind(b"\n")].rpartition(b"\n")[2]
    return _decoder.decode(head.partition(b"\n")[0]), _decoder.decode(last)


def _logs_by_study(served: Served, listed: Sequence[Found]) -> Iterator[tuple[Path, Path, stat_result]]:
    """Each log and its stat, with the folder of its study: the topmost one with a scenario, or the log's own. A link
    out of the served folder is no log, nor is what is no file."""
    studies = {Path(entry.path).parent for entry, _ in listed if entry.name == SCENARIO_NAME}
    for entry, found in listed:
        log = Path(entry.path)
        if entry.name == LOG_NAME and (not entry.is_symlink() or served.holds(log)):
            above = [folder for folder in log.parents if folder in studies]
            yield (above[-1] if above else log.parent), log, found


def _without_logs(listed: Sequence[Found], with_logs: Collection[Path]) -> Iterator[tuple[Path, float]]:
    """The folder of each study without a log, but for those within studies, and when its `study.json` was changed."""
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
    """How a study stands: as its runs, if they all stand alike."""
    states = [run.state for run in runs]
    if len(set(states)) == 1:
        return states[0]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
