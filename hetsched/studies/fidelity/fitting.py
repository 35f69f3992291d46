"""A profile that is fitted to recorded runs, and tested on runs that were left out.

Each cost is the median over the runs. The value of a run is a mean.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.json import encode

from hetsched.core.events import SIMULATED, RunStarted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.profiles import ProfileRow
from hetsched.errors import InputError, counted
from hetsched.studies.calibration import (
    Calibration,
    Pair,
    Seen,
    calibrated,
    completed,
    growth_of,
    row_of,
    seen_segments,
)
from hetsched.studies.fidelity.errors import Errors, check_finished, predict
from hetsched.studies.fidelity.recordings import (
    ABOUT,
    About,
    Recording,
    read_recording,
    setup_and_strategy,
    with_workers,
)
from hetsched.studies.measuring_policy import MEASURE
from hetsched.studies.probe import host_cores
from hetsched.studies.results import scenario_of

FITTED = (
    "seconds_per_iteration",
    "noise_cv",
    "evaluation_s_per_image",
    "evaluation_cv",
    "start_up_s",
    "start_up_cv",
    "restore_s",
    "restore_cv",
    "checkpoint_s",
    "checkpoint_cv",
)
"""The columns of a profile that runs show."""


class Rests(Struct, frozen=True):
    """How many segments each cost of a row is computed from."""

    step: int
    start_up: int
    evaluation: int
    restore: int
    checkpoint: int
    dispatch: int

    @classmethod
    def of(cls, segments: Sequence[Seen]) -> "Rests":
        cold = sum(segment.ended.parts.start_up_s > 0 for segment in segments)
        every = len(segments)
        return cls(every - cold or cold, cold, every, sum(segment.restored for segment in segments), every, every)


class HeldOut(Struct, frozen=True):
    """The errors of a run's makespan and completion in percent.

    - `before`: with the profile that the run came with
    - `after`: with the profile that was fitted to the other runs. None: no other run has trained
      the same on workers of the same type.
    - `assumed_before`, `assumed_after`: what the two predictions assumed, one line per assumption
    """

    run: str
    before: tuple[float, float]
    after: tuple[float, float] | None
    assumed_before: list[str]
    assumed_after: list[str]


@dataclass(frozen=True, kw_only=True)
class FittedProfile:
    """What the runs show together, the numbers of segments behind it, and the error on each run
    when that run is left out."""

    runs: list[str]
    calibration: Calibration
    rests: list[Rests]
    held_out: list[HeldOut]

    @property
    def mean_absolute(self) -> tuple[float, float] | None:
        """The mean absolute error of the makespan in percent, before and after, over the runs that
        have both. None: no run has both."""
        both = [(one.before[0], one.after[0]) for one in self.held_out if one.after is not None]
        if not both:
            return None
        return fmean(abs(before) for before, _ in both), fmean(abs(after) for _, after in both)

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        rows = [row.model_dump(exclude_none=True) for row in self.calibration.rows]
        return {
            "runs": self.runs,
            "profile": [{**row, "segments": rests} for row, rests in zip(rows, self.rests, strict=True)],
            "overheads": {"latency_s": self.calibration.latency_s, "host_cores": self.calibration.host_cores},
            "held_out": self.held_out,
            "mean_absolute_makespan_error_percent": self.mean_absolute,
        }


class _Run(NamedTuple):
    recording: Recording
    seen: dict[Pair, list[Seen]]
    host_cores: int | None


def fit_profile(places: Iterable[Path]) -> FittedProfile:
    """Fit step times and costs to the real runs in these folders. A folder is a recording, or has
    runs in it at any depth.

    Raises InputError for a folder without a real run, and for a run that is not finished or is
    named twice. It also raises InputError for runs that one profile cannot describe: paced and
    unpaced ones of one type of worker, or hosts with different numbers of cores.
    """
    runs = [_run(recording) for place in places for recording in _recordings(place)]
    _check_different(runs)
    cores = {run.host_cores for run in runs}
    if len(cores) > 1:
        raise InputError(f"--calibrate: the hosts of the runs have other numbers of cores ({cores}): name runs of one")
    calibration, rests = _fit(runs)
    held_out = [_held_out(run, [other for other in runs if other is not run]) for run in runs]
    names = [run.recording.name for run in runs]
    return FittedProfile(runs=names, calibration=calibration, rests=rests, held_out=held_out)


def _recordings(place: Path) -> list[Recording]:
    if (place / ABOUT).is_file():
        return [read_recording(place.absolute().parents[1], place.absolute().name)]
    found = [_real_run(place, log) for log in sorted(place.rglob(LOG_NAME))]
    if not (real := [run for run in found if run is not None]):
        what = f"a recording, or a folder with the {LOG_NAME} of a real run in it, which is no probe of a plan"
        raise InputError(f"{place}: expected {what}")
    return real


def _real_run(place: Path, log: Path) -> Recording | None:
    """The run of the log. None: the log is of a simulation, or of a plan's probe."""
    events = list(read_log(log))
    if not events or not isinstance(started := events[0], RunStarted) or started.backend == SIMULATED:
        return None
    if started.strategy.endswith(f"+{MEASURE}"):
        return None
    setup, strategy = setup_and_strategy(scenario_of(log.parent), started)
    setup = with_workers(setup, strategy, events)
    name = str(log.parent.relative_to(place)) if log.parent != place else place.name
    return Recording(name, "", About("", ""), setup, strategy, started.seed, events)


def _run(recording: Recording) -> _Run:
    check_finished(recording)
    setup = recording.setup
    given = setup.scenario.overheads.host_cores
    seen, cores = seen_segments(recording.events, host_cores(setup) if given is None else given)
    return _Run(recording, seen, cores)


def _check_different(runs: Sequence[_Run]) -> None:
    """Raise InputError for a run that is there twice: it would be left out, and foretold by
    itself."""
    logs: dict[bytes, str] = {}
    for run in runs:
        log, name = sha256(encode(run.recording.events)).digest(), run.recording.name
        if log in logs:
            raise InputError(f"--calibrate: {logs[log]} and {name} are one run: name it once")
        logs[log] = name


def _fit(runs: Sequence[_Run]) -> tuple[Calibration, list[Rests]]:
    """What the runs show together, and how many segments each row is computed from."""
    pooled: defaultdict[Pair, list[Seen]] = defaultdict(list)
    for run in runs:
        for pair, segments in run.seen.items():
            pooled[pair] += segments
    for (kind, worker), segments in pooled.items():
        if len({segment.pace is None for segment in segments}) > 1:
            raise InputError(f"--calibrate: {kind} on {worker} was paced in some runs only: name runs of one sort")
    growth = {pair: growth_of(segments) for pair, segments in pooled.items()}
    rows: defaultdict[Pair, list[ProfileRow]] = defaultdict(list)
    provenance = f"fitted to {counted(len(runs), 'real run')}"
    for run in runs:
        for pair, segments in run.seen.items():
            rows[pair].append(row_of(*pair, segments, provenance, growth[pair]))
    latency_s = median(fmean(one.ended.parts.dispatch_s for of in run.seen.values() for one in of) for run in runs)
    calibration = Calibration([_middle(of_pair) for of_pair in rows.values()], latency_s, runs[0].host_cores)
    return calibration, [Rests.of(segments) for segments in pooled.values()]


def _middle(rows: Sequence[ProfileRow]) -> ProfileRow:
    """One row from rows of the same pair, one per run: the median of every figure over the runs
    that have it. One run that other load on its machine slowed down does not shift the median."""
    found = {}
    for name in FITTED:
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        found[name] = median(values) if values else None
    return rows[0].model_copy(update=found)


def _held_out(run: _Run, others: Sequence[_Run]) -> HeldOut:
    """The errors of a run's prediction, with its own profile and with the profile that is fitted to
    the other runs."""
    recording = run.recording
    own = predict(recording)
    if not run.seen.keys() <= {pair for other in others for pair in other.seen}:
        return HeldOut(recording.name, _errors(own.errors), None, own.assumptions, [])
    calibration, _ = _fit(others)
    workers = recording.setup.frozen_workers[recording.strategy.allocation]
    setup = calibrated(recording.setup, completed(calibration, recording.setup, workers))
    other = predict(recording._replace(setup=setup))
    return HeldOut(recording.name, _errors(own.errors), _errors(other.errors), own.assumptions, other.assumptions)


def _errors(found: Errors) -> tuple[float, float]:
    return found.makespan, found.completion
