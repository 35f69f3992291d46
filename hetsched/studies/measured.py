"""The measurements of a training on a cluster, kept beside results so that they need not be made
again."""

import platform
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from statistics import geometric_mean
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from hetsched.cores import available_cores
from hetsched.domain.cluster import CPU, WorkerType
from hetsched.domain.limits import Amount, Many
from hetsched.domain.profiles import Costs, ProfileRow
from hetsched.domain.provenance import not_measured, scaled
from hetsched.errors import HetschedError
from hetsched.scenario.json_text import decoded
from hetsched.scenario.profile_files import read_profile, write_profile
from hetsched.scenario.scenario import Setup
from hetsched.studies.calibration import Calibration, calibrated
from hetsched.studies.json_file import write_json
from hetsched.version import __version__

PROFILE_NAME = "measured.csv"
"""The profile of a plan's folder, which has only measured rows."""

FACTS_NAME = "measured.json"
"""The file that says what the profile beside it was measured on."""

NOT_OF_A_STEP = {
    "experiments": {"name", "population", "stop_iterations", "stop_accuracy", "stop_score", "checkpoint_interval"}
    | {"arrival_s", "pbt", "metric"},
    "real": {"report_interval_s", "tensorboard"},
    "workload": {"trace", "trace_format", "trace_models", "unfit"},
}
"""Keys of tables that do not change the seconds of a segment's parts on a worker."""

OF_A_STEP = ("cluster", "workload", "real", "training", "checkpoints")
"""The tables of a scenario that change these seconds."""


class Facts(Struct, frozen=True):
    """What a measurement is for. Two equal ones would give the same profile, apart from noise.
    `tables` have the SHA-256 sums of Python files in the place of their names, because a results
    folder has copies of them. `paced` is the profile that sets the pace (None: there is none)."""

    hetsched: str
    machine: dict[str, Any]
    tables: dict[str, Any]
    paced: str | None

    @classmethod
    def of(cls, setup: Setup) -> "Facts":
        scenario = setup.scenario
        scenario = scenario.replace(real=scenario.real.with_whole_paths(scenario.path))
        written = scenario.model_dump(mode="json", exclude_none=True)
        tables = {name: _relevant(name, written[name]) for name in OF_A_STEP if name in written}
        rows = sorted(str(row.model_dump(exclude={"provenance"})) for row in setup.times.rows)
        paced = sha256("\n".join(rows).encode()).hexdigest() if setup.paced else None
        machine = {"host": platform.node(), "processor": platform.machine(), "cores": len(available_cores())}
        return cls(__version__, machine, _with_sums(tables, scenario.path), paced)


def _relevant(name: str, table: Any) -> Any:
    """The table, and the tables in it, without keys that do not matter."""
    if isinstance(table, list):
        return [_relevant(name, entry) for entry in table]
    if not isinstance(table, dict):
        return table
    left_out = NOT_OF_A_STEP.get(name, set())
    return {key: _relevant(key, value) for key, value in table.items() if key not in left_out}


def _with_sums(value: Any, path: Callable[[str], Path]) -> Any:
    """The value, with the sum of a file's content in the place of each Python file that there is."""
    if isinstance(value, dict):
        return {key: _with_sums(inner, path) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_sums(inner, path) for inner in value]
    if isinstance(value, str) and ".py" in value:
        name, colon, inside = value.partition(":")
        if (file := path(name)).is_file():
            return sha256(file.read_bytes()).hexdigest() + colon + inside
    return value


class Kept(Struct, frozen=True):
    """The content of the file of facts. `cut_short`: the budget ended before all was measured."""

    facts: Facts
    latency_s: Amount
    host_cores: Many | None = None
    slow: dict[str, str] = {}
    cut_short: bool = False


class Measured:
    """What is known so far of a scenario's training on its cluster. `reused` are the folders that
    it came from. `slow` says which workers could not hold the scenario's pace."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._facts = Facts.of(setup)
        self._kinds = {kind for experiment in setup.workload.experiments for kind in experiment.kinds}
        self._rows: dict[tuple[Any, WorkerType], ProfileRow] = {}
        self._latency_s = 0.0
        self._host_cores: int | None = None
        self.reused: list[Path] = []
        self.slow: dict[str, str] = {}

    def add(self, calibration: Calibration, slow: Mapping[str, str] = MappingProxyType({})) -> None:
        """Add the results of a probe. Earlier results stay. `slow` says which types of worker could
        not hold their pace in the probe.

        Neighbours trained at the same time, so the step times include the cost of sharing a node.
        """
        if not self._rows:
            self._latency_s, self._host_cores = calibration.latency_s, calibration.host_cores
        for row in calibration.rows:
            sharing = 1.0 if row.device == CPU else None
            if (row.kind, row.worker_type) in self._rows:
                continue
            self._rows[row.kind, row.worker_type] = row.model_copy(update={"sharing": sharing})
            if (name := str(row.worker_type)) in slow:
                self.slow[name] = slow[name]

    def save(self, folder: Path, *, cut_short: bool = False) -> None:
        """Write the measurements, so that a later plan finds them. `cut_short` is as in `Kept`."""
        write_profile(folder / PROFILE_NAME, self._rows.values())
        write_json(folder / FACTS_NAME, Kept(self._facts, self._latency_s, self._host_cores, self.slow, cut_short))

    def look_for(self, place: Path) -> None:
        """Add what plans in folders at this place have measured of the same training, workers and
        machine. The newest comes first. A type of worker is left out, so that it is measured again,
        if one of its step times is an estimate. It is left out, too, if the plan was cut short
        before each kind of trial was measured on it. Files that cannot be read are ignored."""
        files = [*place.glob(f"*/{FACTS_NAME}"), *place.glob(f"*/plan*/{FACTS_NAME}")]
        for path in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True):
            try:
                kept = decoded(path.read_bytes(), Kept)
                if kept.facts != self._facts:
                    continue
                rows = read_profile(path.with_name(PROFILE_NAME))
            except (OSError, msgspec.DecodeError, HetschedError):
                continue
            before = len(self._rows)
            estimated = {row.worker_type for row in rows if not_measured(row.provenance)}
            sound = [row for row in rows if row.worker_type not in estimated]
            if kept.cut_short:
                sound = [row for row in sound if self._are_whole(rows, row.worker_type)]
            self.add(Calibration(sound, kept.latency_s, kept.host_cores), kept.slow)
            if len(self._rows) > before:
                self.reused.append(path.parent)

    def _are_whole(self, rows: Iterable[ProfileRow], worker: WorkerType) -> bool:
        """Whether the rows have a step time on this type of worker for every kind of trial that may
        use it."""
        usable = [one for one in self._setup.workload.experiments if one.may_use(worker.device)]
        wanted = {kind for experiment in usable for kind in experiment.kinds}
        return wanted <= {row.kind for row in rows if row.worker_type == worker}

    @property
    def any(self) -> bool:
        """Whether anything is known."""
        return bool(self._rows)

    def knows(self, worker: WorkerType) -> bool:
        """Whether a trial of the scenario was measured on this type of worker."""
        bare = worker.as_profiled
        return any(there == bare and kind in self._kinds for kind, there in self._rows)

    @property
    def setup(self) -> Setup:
        """The scenario with the measurements. Where there are none it has its own profile, at the
        measured speed."""
        if not self._rows:
            return self._setup
        rows = [*self._rows.values(), *self._corrected()]
        return calibrated(self._setup, Calibration(rows, self._latency_s, self._host_cores))

    def _corrected(self) -> list[ProfileRow]:
        """The rows of the scenario's own profile for what was not measured, without costs. Their
        step times are scaled as the measured ones are, and their provenance says so."""
        networks = {(kind.model, kind.dataset) for kind in self._kinds}
        found = []
        for row in self._setup.times.rows:
            if (row.kind, row.worker_type) in self._rows or (row.model, row.dataset) not in networks:
                continue
            update: dict[str, Any] = dict.fromkeys(Costs.__struct_fields__)
            if (slower := self._slower(row.device)) is not None:
                update["seconds_per_iteration"] = row.seconds_per_iteration * slower
                update["provenance"] = scaled([row.provenance], f"by {slower:.3g} as measured on {row.device}")
            found.append(row.model_copy(update=update))
        return found

    def _slower(self, device: str) -> float | None:
        """The measured seconds of an iteration on this type of device, divided by those of the
        scenario's profile. None: nothing was measured that the profile has."""
        ratios = [
            row.seconds_per_iteration / profiled
            for row in self._rows.values()
            if row.device == device
            and (profiled := self._setup.times.seconds_per_iteration(row.kind, row.worker_type)) is not None
        ]
        return geometric_mean(ratios) if ratios else None
