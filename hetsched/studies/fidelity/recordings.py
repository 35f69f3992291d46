"""A recorded real run: its log, the scenario with what a probe measured shortly before, and the
machine."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from hetsched.core.events import AnyEvent, Event, RunStarted, WorkerJoined
from hetsched.core.log import LogDecoder
from hetsched.domain.cluster import Worker
from hetsched.domain.limits import Many
from hetsched.domain.profiles import StepTimes
from hetsched.domain.provenance import not_measured
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, brief
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.json_text import decoded
from hetsched.scenario.loading import load_setup
from hetsched.scenario.policy_files import policies_of
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies.calibration import calibrate, calibrated, completed
from hetsched.studies.fidelity.observed import of_today
from hetsched.studies.json_file import write_json

RECORDINGS = "recordings"
"""The folder of the recordings, a folder each, named as the cell."""

LOG = "events.jsonl.gz"

PROBE_LOG = "probe.jsonl.gz"
"""The log of the probe. Older recordings have none."""

ABOUT = "recording.json"

DAMAGED = (OSError, EOFError, zlib.error)
"""What reading a packed log raises if the file is damaged."""

PROVENANCE = "measured by the probe before the recorded run"
"""The provenance of the step times and costs in a recording that the probe measured."""


class Machine(msgspec.Struct, frozen=True):
    """The machine of a recorded run. `load` is the mean number, over a minute, of processes that
    wanted a core: before the probe and before the run. Recordings of older validations have neither
    `python` nor `load`."""

    processor: str
    cores: Many
    python: str | None = None
    load: tuple[float, float] | None = None


class About(msgspec.Struct, frozen=True):
    """When and where a run was recorded, by which version of hetsched, and the cell at that time.
    `machine` and `cell` are None for a run of a validation, which has neither."""

    recorded: str
    hetsched: str
    machine: Machine | None = None
    cell: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError if the cell names no training."""
        if self.cell and not isinstance(self.cell.get("training"), str):
            raise ValueError(f"cell.training: expected a name, found {brief(self.cell.get('training'))}")


class Recording(NamedTuple):
    """A recording. `setup` has the step times and costs of the probe, and the workers of the run.
    `training` is the name of the training in the table of cells, or the name of the model."""

    name: str
    training: str
    about: About
    setup: Setup
    strategy: Strategy
    seed: int
    events: list[AnyEvent]


def is_recorded(folder: Path, name: str) -> bool:
    """Whether there is a finished recording of that name: the file that is written last exists."""
    return (folder / RECORDINGS / name / ABOUT).is_file()


def is_recording_of(folder: Path, name: str, log: Path) -> bool:
    """Whether the recording of that name is of the run with this log. Raises InputError, naming the
    folder, if the recording cannot be read."""
    home = folder / RECORDINGS / name
    try:
        with gzip.open(home / LOG) as packed:
            return packed.read() == log.read_bytes()
    except DAMAGED as error:
        raise _not_a_recording(home, error) from error


def recorded(folder: Path) -> list[str]:
    """The names of the finished recordings, in alphabetical order."""
    return sorted(about.parent.name for about in (folder / RECORDINGS).glob(f"*/{ABOUT}"))


def keep(home: Path, predicting: Setup, log: Path, about: About, probe_log: Path | None = None) -> None:
    """Make a recording of the log of a run and of the log of its probe, with the setup that
    predicts it. It is finished when its last file exists. An unfinished one is removed before. No
    file names a path of this machine."""
    rmtree(home, ignore_errors=True)
    here = {"data_dir": None, "model_file": None, "address": None}
    scenario = predicting.scenario
    said = {row.provenance: not_measured(row.provenance) or PROVENANCE for row in predicting.times.rows}
    rows = [row.model_copy(update={"provenance": said[row.provenance]}) for row in predicting.times.rows]
    predicting = predicting.replace(real=scenario.real.model_copy(update=here))
    predicting.replace_times(StepTimes(rows, extrapolate=scenario.profile.extrapolate)).save(home)
    _pack(log, home / LOG)
    if probe_log is not None:
        _pack(probe_log, home / PROBE_LOG)
    write_json(home / ABOUT, about)


def _pack(log: Path, to: Path) -> None:
    with to.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(log.read_bytes())


def read_recording(folder: Path, name: str) -> Recording:
    """The recording of that name. Raises InputError, naming the file, if it cannot be read."""
    home = folder / RECORDINGS / name
    try:
        about = decoded((home / ABOUT).read_bytes(), About)
        events = list(_events(home / LOG))
        probed = list(_events(home / PROBE_LOG)) if (home / PROBE_LOG).is_file() else None
    except (*DAMAGED, msgspec.MsgspecError) as error:
        raise _not_a_recording(home, error) from error
    if not events or not isinstance(events[0], RunStarted):
        raise InputError(f"{home / LOG}: does not begin with the start of a run; record it again, without this folder")
    setup, strategy = setup_and_strategy(home / SCENARIO_NAME, events[0])
    setup = with_workers(setup, strategy, events)
    setup = _calibrated(setup, strategy, probed, events, about.machine)
    training = about.cell["training"] if about.cell else setup.workload.experiments[0].model
    return Recording(name, training, about, setup, strategy, events[0].seed, events)


def setup_and_strategy(scenario: Path, started: RunStarted) -> tuple[Setup, Strategy]:
    """The setup of a run, and its strategy, whose policies may be of the scenario's files. Raises
    InputError if the scenario cannot be read, or if nobody has such a policy."""
    setup = load_setup(scenario)
    with policies_of(setup.policy_files):
        return setup, parse_strategy(started.strategy)


def _not_a_recording(home: Path, error: Exception) -> InputError:
    return InputError(f"{home}: not a recording: {error}; record it again, without this folder")


def _events(log: Path) -> Iterator[AnyEvent]:
    decoder = LogDecoder(log)
    with gzip.open(log) as lines:
        for line in lines:
            yield decoder.event(line)


def with_workers(setup: Setup, strategy: Strategy, events: Iterable[Event]) -> Setup:
    """The setup with the workers of the run. An allocation policy might make others by the probe's
    step times."""
    workers: dict[str, Worker] = {e.worker.id: e.worker for e in events if isinstance(e, WorkerJoined)}
    return replace(setup, frozen_workers={strategy.allocation: tuple(workers.values())})


def _calibrated(
    setup: Setup, strategy: Strategy, probed: list[AnyEvent] | None, events: list[AnyEvent], machine: Machine | None
) -> Setup:
    """By the calibration of today, from the log of the probe. A recording that has none, and does
    not say the cores of its host, was made by an older hetsched."""
    workers, host_cores = setup.frozen_workers[strategy.allocation], setup.scenario.overheads.host_cores
    if probed is not None:
        return calibrated(setup, completed(calibrate(probed, PROVENANCE, host_cores), setup, workers))
    if host_cores is None and machine is not None:
        return of_today(setup, workers, events, machine.cores)
    return setup
