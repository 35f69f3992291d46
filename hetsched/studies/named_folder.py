"""A results folder that a user names: the logs in it and below it, or a message that says why it
has none.

Every command that reads results has the same messages: the path, what was expected, and what to do.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_ISDIR

from hetsched.core.events import COMPLETED, RunStarted
from hetsched.core.log import LOG_NAME, LogDecoder
from hetsched.errors import InputError, NoResultError, counted, first_of, path_of, unreadable
from hetsched.studies.comparison_plan import PLAN_NAME, SUITE_PLAN_NAME, load_plan
from hetsched.studies.folder import DRAWS, PROBE, PROBES, RUNNING, SCENARIOS, SUMMARY_NAME
from hetsched.studies.sittings import study_of

logger = logging.getLogger(__name__)

RESULTS = "the results folder of a study"

NAMED = 3
"""The most runs without a log that are named. If there are more, the message says how many."""

LAST_LINE_BYTES = 2**12
"""The last line of a finished run is shorter than this."""

FIRST_LINE_BYTES = 2**20
"""A file whose first so many bytes have no line break is no log. Reading it raises an error that
says so."""


def results_folder(given: object, expected: str = RESULTS) -> Path:
    """The named folder. `expected` describes the folder in messages. Raises InputError if it does
    not exist, is a file, or cannot be read."""
    folder = path_of(given, "folder")
    try:
        is_folder = S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{folder}: no such folder; name {expected}") from error
    except OSError as error:
        raise InputError(unreadable(folder, error)) from error
    if not is_folder:
        hint = f", such as {folder.parent}, which it is the log of" if folder.name == LOG_NAME else ""
        raise InputError(f"{folder}: is a file and no folder; name {expected}{hint}")
    try:
        os.stat(os.path.join(folder, "."))  # a folder may be listed but not entered, which is no use
        os.listdir(folder)
    except OSError as error:
        raise InputError(unreadable(folder, error)) from error
    return folder


def logs_below(folder: Path) -> list[Path]:
    """All logs in the folder and below it, by path, with empty ones and those of probes. Raises
    InputError for a folder that cannot be read, because it may have logs."""
    found, closed = list[Path](), list[OSError]()
    for home, folders, files in os.walk(folder, onerror=closed.append):
        if LOG_NAME in files or LOG_NAME in folders:
            found.append(Path(home, LOG_NAME))
    problems = [unreadable(error.filename, error) for error in closed if not isinstance(error, FileNotFoundError)]
    if problems:
        raise InputError("\n".join(problems))
    return sorted(found)


def without_probes(folder: Path, logs: Iterable[Path]) -> list[Path]:
    """These logs of the folder, without the logs of probes and draws."""
    return [log for log in logs if not is_of_probe(log, folder) and not is_of_draw(log, folder)]


def results_logs(folder: Path) -> list[Path]:
    """The logs of `logs_below` that have events, without the logs of probes and draws. A run that
    has not begun is left out, with a warning that names it.

    Raises InputError if there is no log, and for what cannot be read. Raises NoResultError if no
    run has begun.
    """
    logs = logs_below(folder)
    results = without_probes(folder, logs)
    begun = [log for log in results if has_begun(log)]
    if not begun:
        raise _why_none(folder, results, logs)
    for log in results:
        if log not in begun:
            logger.warning("%s: left out: %s", log, NOT_BEGUN)
    for missing in _without_log(folder, results):
        logger.warning("%s: left out: %s", folder, missing)
    return begun


def _without_log(folder: Path, logs: list[Path]) -> Iterator[str]:
    """How many runs of the comparison in the folder have no log, in words, if it is one and some
    have none."""
    if not (folder / PLAN_NAME).is_file():
        return
    plan = load_plan(folder)
    wanted = plan.logs(folder, logs)
    if missing := [log.parent for log in wanted if log not in logs]:
        names = first_of([str(run.relative_to(folder)) for run in missing], NAMED)
        yield f"{len(missing)} of {counted(len(wanted), 'run')}, which have no {LOG_NAME} (yet): {names}"


NOT_BEGUN = "this run has not begun: its log has no line yet"


def has_begun(log: Path) -> bool:
    """Whether the log has a whole line. Raises InputError, naming it, if it cannot be read."""
    try:
        with log.open("rb") as file:
            head = file.read(FIRST_LINE_BYTES)
    except OSError as error:
        raise InputError(unreadable(log, error)) from error
    return b"\n" in head or len(head) == FIRST_LINE_BYTES


def start_of(log: Path) -> RunStarted | None:
    """The first event of the log. None: it is another one. Raises InputError, naming the log, if it
    cannot be read."""
    try:
        with log.open("rb") as file:
            line = file.readline()
    except OSError as error:
        raise InputError(unreadable(log, error)) from error
    first = LogDecoder(log).event(line.rstrip(b"\n"))
    return first if isinstance(first, RunStarted) else None


def is_finished(log: Path) -> bool:
    """Whether the last whole line of the log, which has begun, says that the run came to its
    end."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_LINE_BYTES))
        lines = file.read().split(b"\n")[:-1]
    return bool(lines) and b'"run-ended"' in lines[-1] and f'"{COMPLETED}"'.encode() in lines[-1]


def scenario_in_suite(run: Path) -> list[Path]:
    """The folder of the scenario of a run that a suite simulates, `running/NAME/STRATEGY/seed-N`:
    `scenarios/NAME` beside it. Empty: the run is elsewhere."""
    of_scenario = run.absolute().parent.parent
    home = of_scenario.parent.parent
    is_of_suite = of_scenario.parent.name == RUNNING and (home / SUITE_PLAN_NAME).is_file()
    return [home / SCENARIOS / of_scenario.name] if is_of_suite else []


def is_of_probe(log: Path, folder: Path) -> bool:
    """Whether the log belongs to a probe: a short run by which a plan or a validation in the folder
    has measured."""
    return not {PROBE, PROBES}.isdisjoint(log.relative_to(folder).parts)


def is_of_draw(log: Path, folder: Path) -> bool:
    """Whether the log belongs to a draw: a simulation that predicts a real run under another seed
    than the run's own."""
    return any(part.startswith(DRAWS) for part in log.relative_to(folder).parts)


def _why_none(folder: Path, results: list[Path], logs: list[Path]) -> InputError | NoResultError:
    """The error for a folder with these logs, none of which has a result."""
    if results:
        more = f" ({len(results) - 1} more like it)" if len(results) > 1 else ""
        return NoResultError(f"{results[0]}: {NOT_BEGUN}{more}; look again when it has")
    probed = next(filter(has_begun, logs), None)
    probes = "" if probed is None else f"; its probes are runs: name one, such as {probed.parent}"
    study = study_of(folder)
    begun_as = "" if study is None else study.study
    if (folder / SUMMARY_NAME).is_file() and begun_as == "plan":
        return InputError(
            f"{folder}: a plan keeps the figures of its simulations, in {SUMMARY_NAME}, and no logs{probes}; "
            "'hetsched show' prints its figures"
        )
    if begun_as == "suite" and not probes:
        return InputError(f"{folder}: a suite keeps the figures of its runs, in results.csv, and no logs")
    if begun_as and not (folder / SUMMARY_NAME).is_file():
        but = " except for probes" if probes else ""
        return NoResultError(
            f"{folder}: this '{begun_as}' has not begun{but}: there is no {LOG_NAME} of a run yet; look again when "
            f"there is{probes}"
        )
    if not any(folder.iterdir()):
        return InputError(f"{folder}: is empty; name {RESULTS}")
    return InputError(f"{folder}: there is no {LOG_NAME} in it or below it{probes}; name {RESULTS}")
