"""A recorded real run: its log, the scenario with what a probe measured shortly before, and the machine."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from hetsched.core.events import AnyEvent, RunStarted, WorkerJoined
from hetsched.core.log import LogDecoder
from hetsched.domain.cluster import Worker
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies.fidelity.cells import Cell, Cells

RECORDINGS = "recordings"
"""The folder of the recordings, a folder each, named as the cell."""

LOG = "events.jsonl.gz"

ABOUT = "recording.json"


class Machine(msgspec.Struct, frozen=True):
    """On what a run was recorded. `load` is the number of processes that wanted a core, in the mean of a minute, before
    the probe and before the run."""

    processor: str
    cores: int
    python: str
    load: tuple[float, float]


class About(msgspec.Struct, frozen=True):
    """When and where a run was recorded, by which hetsched, and the cell as it was then."""

    recorded: str
    hetsched: str
    machine: Machine
    cell: dict[str, Any]


class Recording(NamedTuple):
    """`setup` has the step times and costs of the probe, and the workers of the run."""

    name: str
    cell: Cell
    about: About
    setup: Setup
    strategy: Strategy
    seed: int
    events: list[AnyEvent]


def is_recorded(folder: Path, name: str) -> bool:
    """Whether the cell has a finished recording: what is written last is there."""
    return (folder / RECORDINGS / name / ABOUT).is_file()


def recorded(folder: Path, cells: Cells) -> list[str]:
    """The names of the cells that have a finished recording, in the order of the table."""
    return [name for name in cells.cells if is_recorded(folder, name)]


def read_recording(folder: Path, name: str) -> Recording:
    """Raises InputError, naming the file, for what cannot be read."""
    home = folder / RECORDINGS / name
    try:
        about = msgspec.json.decode((home / ABOUT).read_bytes(), type=About)
        events = list(_events(home / LOG))
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        raise InputError(f"{home}: not a recording: {error}; record it again, without this folder") from error
    if not events or not isinstance(events[0], RunStarted):
        raise InputError(f"{home / LOG}: does not begin with the start of a run; record it again, without this folder")
    strategy = parse_strategy(events[0].strategy)
    setup = _with_workers(load_setup(home / SCENARIO_NAME), strategy, events)
    return Recording(name, Cell.model_validate(about.cell), about, setup, strategy, events[0].seed, events)


def _events(log: Path) -> Iterator[AnyEvent]:
    decoder = LogDecoder(log)
    with gzip.open(log) as lines:
        for line in lines:
            yield decoder.event(line)


def _with_workers(setup: Setup, strategy: Strategy, events: list[AnyEvent]) -> Setup:
    """With the workers of the run: an allocation policy might make others by the probe's step times."""
    workers: dict[str, Worker] = {e.worker.id: e.worker for e in events if isinstance(e, WorkerJoined)}
    return replace(setup, frozen_workers={strategy.allocation: tuple(workers.values())})
