"""Makes recordings from the real runs of a validation, which has probed the machine before them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import msgspec

from hetsched.core.log import LOG_NAME
from hetsched.errors import InputError
from hetsched.scenario.json_text import decoded
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.fidelity.recordings import RECORDINGS, About, is_recording_of, keep, recorded
from hetsched.studies.folder import MEASURED, PREDICTED, PROBE, SUMMARY_NAME


class _Summary(msgspec.Struct):
    command: str
    hetsched: str
    scenario: str


def add(folder: Path, validation: Path) -> Iterator[str]:
    """Copy the real runs of a validation's results into the folder, with what its probes showed.
    Yields the names of the new recordings.

    A recording that exists stays as it is. Another run of its name gets a number at the end of the
    name. Raises InputError for a folder without a finished validation, and for a validation with
    `--profile`, which probed nothing.
    """
    try:
        summary = decoded((validation / SUMMARY_NAME).read_bytes(), _Summary)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{validation}: not the results of a finished validation: {error}") from error
    if summary.command != "validate" or not (validation / PROBE).is_dir():
        raise InputError(
            f"{validation}: expected the results of 'hetsched validate' without --profile: only that has measured the "
            "machine before its runs"
        )
    for strategy in sorted(path.name for path in (validation / PREDICTED).iterdir()):
        predicting = load_setup(validation / PREDICTED / strategy / SCENARIO_NAME)
        probe_log = validation / PROBE / strategy.partition("+")[0] / LOG_NAME
        for log in sorted((validation / MEASURED / strategy).glob(f"*/{LOG_NAME}")):
            name = _name(folder, f"{summary.scenario}-{strategy.replace('+', '-')}-{log.parent.name}", log)
            if name is not None:
                when = datetime.fromtimestamp(log.stat().st_mtime, UTC)
                about = About(f"{when:%Y-%m-%d %H:%M}", summary.hetsched)
                keep(folder / RECORDINGS / name, predicting, log, about, probe_log if probe_log.is_file() else None)
                yield name


def _name(folder: Path, usual: str, log: Path) -> str | None:
    """The name of a new recording of the log: the usual one, or else the first free one with a
    number. None: the run is recorded already."""
    taken = [name for name in recorded(folder) if re.fullmatch(re.escape(usual) + r"(-\d+)?", name)]
    if any(is_recording_of(folder, name, log) for name in taken):
        return None
    names = (usual if number == 1 else f"{usual}-{number}" for number in count(1))
    return next(name for name in names if name not in taken)
