"""The assumptions and warnings of the studies in a results folder, according to their
summaries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from os.path import relpath
from pathlib import Path

import msgspec

from hetsched.core.events import COMPLETED, RunStarted
from hetsched.core.log import LogDecoder
from hetsched.errors import InputError, unreadable
from hetsched.studies.caveats import NO_CAVEATS, Caveats
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.named_folder import has_begun, is_finished, is_of_draw, is_of_probe, logs_below, results_folder
from hetsched.studies.results import unfinished
from hetsched.studies.unknown_scores import joined

LEVELS = 3
"""The number of folders between a study and its runs, at most."""


class _Said(msgspec.Struct):
    """What a summary has beside its figures. The assumptions of a suite are by scenario."""

    assumptions: list[str] | dict[str, list[str]] = []
    warnings: dict[str, str] = {}


def caveats_of_folder(folder: Path, logs: Sequence[Path] | None = None) -> Caveats:
    """The assumptions and warnings of the studies whose logs are in the folder (None: all logs
    without probes and draws), and of the folder itself. If there are several studies, each warning
    names its study.

    Raises InputError for a folder, a summary or a log that cannot be read.
    """
    folder = results_folder(folder)
    if logs is None:
        every = logs_below(folder)
        results = [log for log in every if not is_of_probe(log, folder) and not is_of_draw(log, folder)]
        logs = list(filter(has_begun, results))
    studies = by_study(folder, logs)
    found = {study: caveats_of_study(study, of_one) for study, of_one in studies.items()}
    warnings = {
        name if len(found) == 1 else f"{relpath(study, folder)}: {name}": warning
        for study, said in found.items()
        for name, warning in said.warnings.items()
    }
    return Caveats(list(dict.fromkeys(line for said in found.values() for line in said.assumptions)), warnings)


def by_study(folder: Path, logs: Iterable[Path]) -> dict[Path, list[Path]]:
    """The logs by the folder of their study: the first one above a log that has a summary. Without
    a summary it is `folder`, which may also be a study without logs."""
    found = defaultdict[Path, list[Path]](list)
    if _has_summary(folder):
        found[folder] = []
    for log in logs:
        above = (log.parent, *log.absolute().parents[1 : LEVELS + 1])
        home = next(filter(_has_summary, above), folder)
        found[folder if home.absolute() == folder.absolute() else home].append(log)
    return dict(found)


def caveats_of_study(study: Path, logs: Iterable[Path]) -> Caveats:
    """What the study's summary says beside its figures, and a warning for each strategy with logs
    that did not come to their end. Raises InputError for what cannot be read."""
    said = _summed_up(study / SUMMARY_NAME) if _has_summary(study) else NO_CAVEATS
    logs = list(logs)
    ended = [] if all(map(is_finished, logs)) else [(_strategy(log), is_finished(log)) for log in logs]
    cut = unfinished((name, COMPLETED if so else None) for name, so in ended)
    return said._replace(warnings=joined(said.warnings, cut))


def _has_summary(folder: Path) -> bool:
    return (folder / SUMMARY_NAME).is_file()


def _summed_up(path: Path) -> Caveats:
    try:
        said = msgspec.json.decode(path.read_bytes(), type=_Said)
    except OSError as error:
        raise InputError(unreadable(path, error)) from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not what a study wrote: {error}: remove it, and the logs alone are read") from error
    return Caveats.of({"assumptions": said.assumptions, "warnings": said.warnings})


def _strategy(log: Path) -> str:
    """The strategy of the log, or the name of its folder if its first line does not say one."""
    with log.open("rb") as file:
        first = LogDecoder(log).event(file.readline().rstrip(b"\n"))
    return first.strategy if isinstance(first, RunStarted) else log.parent.name
