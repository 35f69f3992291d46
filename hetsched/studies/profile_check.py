"""What a profile says about a scenario: which step times are measured, derived from others, or
unknown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hetsched.domain.cluster import WorkerType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import DATASET, ProfileRow, StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError, path_of
from hetsched.scenario.checks import profiled_workers
from hetsched.scenario.profile_files import read_profile, taken_defaults
from hetsched.scenario.scenario import Scenario, Setup
from hetsched.studies.frames import frame
from hetsched.studies.inputs import chosen_strategies, studied
from hetsched.studies.pairs import may_run

if TYPE_CHECKING:
    from pandas import DataFrame

Source = Literal["measured", "interpolated", "extrapolated", "unknown"]
"""Where a step time comes from: a row of the profile, between rows, beyond all rows, or nowhere."""


class KnownTime(NamedTuple):
    """The seconds per iteration of a kind of trial on a type of worker, or on a gang of workers,
    without pace. `why` says why they are unknown."""

    kind: TrialKind
    worker: WorkerType
    source: Source
    seconds_per_iteration: float | None
    why: str | None


@dataclass(frozen=True, kw_only=True)
class ProfileCheck:
    """What a profile has, and what a scenario takes from it.

    - `defaults`: the values of columns that the file lacks, or of which all cells are empty
    - `known`: the step times that the scenario asks for. Empty without a scenario.
    - `refused`: by strategy that cannot run, why. Empty without a scenario.
    """

    rows: Sequence[ProfileRow] = field(repr=False)
    defaults: dict[str, str]
    known: Sequence[KnownTime] = ()
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def covers(self) -> bool:
        """Whether every strategy of the scenario can run: each trial has a step time on some
        worker."""
        return not self.refused

    def to_frame(self) -> "DataFrame":
        """A row per step time that the scenario asks for. Raises InputError without pandas."""
        return frame(map(_plain, self.known))

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "rows": len(self.rows),
            "defaults": self.defaults,
            "step_times": list(map(_plain, self.known)),
            "covers": self.covers,
            "refused": self.refused,
        }


def check_profile(path: Path | str, scenario: Scenario | None = None) -> ProfileCheck:
    """Read a profile. For each step time that the scenario's strategies may ask for, say where it
    comes from.

    The file replaces the scenario's own profile. Raises InputError, with file, line and column, if
    the file is no profile, or if the scenario cannot be read with it.
    """
    file = path_of(path, "path")
    dataset = DATASET if scenario is None else scenario.dataset_of_rows
    batch = None if scenario is None else scenario.batch_size_of_rows
    rows, defaults = read_profile(file, dataset, batch), taken_defaults(file, dataset, batch)
    if scenario is None:
        return ProfileCheck(rows=rows, defaults=defaults)
    profile = scenario.profile.model_copy(update={"sources": [str(file.absolute())]})
    with studied(scenario.replace(profile=profile)) as setup:
        refused, types = {}, dict[WorkerType, None]()
        for strategy in chosen_strategies(setup, None):
            types |= {worker.type._replace(pace=None): None for worker in setup.workers(strategy)}
            try:
                profiled_workers(setup, strategy)
            except InputError as error:
                refused[str(strategy)] = str(error)
        return ProfileCheck(rows=rows, defaults=defaults, known=list(_known(setup, types)), refused=refused)


def _known(setup: Setup, types: dict[WorkerType, None]) -> Iterator[KnownTime]:
    times, within = setup.times, StepTimes(setup.times.rows)
    measured = {(row.kind, row.worker_type) for row in times.rows}
    lacks = _Lacks(times)
    for kind, worker in may_run(setup, types):
        seconds = times.seconds_per_iteration(kind, worker)
        source: Source = "extrapolated"
        if seconds is None:
            source = "unknown"
        elif (kind, worker.as_profiled) in measured:
            source = "measured"
        elif within.seconds_per_iteration(kind, worker) == seconds:
            source = "interpolated"
        yield KnownTime(kind, worker, source, seconds, lacks.why(kind, worker) if seconds is None else None)


class _Lacks:
    """Why step times are unknown.

    For a network on a device only its own rows are read. Otherwise every step time would read all
    rows of a large profile.
    """

    def __init__(self, times: StepTimes) -> None:
        self._times = times
        self._rows: dict[tuple[str, ...], list[ProfileRow]] = {}
        for row in times.rows:
            self._rows.setdefault((row.model, row.dataset), []).append(row)
            self._rows.setdefault((row.model, row.dataset, row.device), []).append(row)

    def why(self, kind: TrialKind, worker: WorkerType) -> str:
        network = (kind.model, kind.dataset)
        rows = self._rows.get((*network, worker.device)) or self._rows.get(network) or self._times.rows
        return why_missing(StepTimes(rows, extrapolate=self._times.extrapolate), kind, worker)


def _plain(known: KnownTime) -> dict[str, Any]:
    cell = {**known.kind._asdict(), **known.worker._asdict(), **known._asdict()}
    return {key: value for key, value in cell.items() if key not in ("kind", "worker", "pace")}
