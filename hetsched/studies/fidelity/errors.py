"""The errors of the prediction of one recorded run."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import NamedTuple

from msgspec import Struct

from hetsched.analysis.error_parts import ErrorParts, RunSeconds, error_parts, weighted
from hetsched.analysis.intervals import mean_of_known
from hetsched.analysis.metrics import Metrics, measure
from hetsched.analysis.step_times import LATE, WorkerSteps, worker_steps
from hetsched.core.events import COMPLETED, RunEnded
from hetsched.core.log import read_log
from hetsched.errors import InputError
from hetsched.studies.assumptions import assumptions, idle_workers
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.draws import PREDICTIONS
from hetsched.studies.draws import predict as simulate
from hetsched.studies.fidelity.recordings import Machine, Recording
from hetsched.studies.one_run import RunResult
from hetsched.studies.validation import NEVER_THERE, decisions

FACTORS = ("training", "policy", "workers", "trials_per_worker", "segment", "pace", "checkpoints", "machine")


class Errors(Struct, frozen=True):
    """A row of the table: the factors of a run, and the signed errors of its prediction (predicted
    less measured).

    - `makespan`, `completion`, `segment`: in percent of the measured value. `completion` is the
      mean over the trials. `segment` is for the mean time of a segment.
    - `utilisation`: the mean over the workers, in percentage points.
    - names with `_absolute`: means of absolute values.
    - `score`: for the best score. None: the learning of the training is not predicted.
    - `decisions_alike`: the percentage of segments that went to the same worker for as many
      iterations.
    - `machine`: whether the machine of the run was the machine of the probe.
    """

    recording: str
    training: str
    policy: str
    workers: str
    trials_per_worker: str
    segment: str
    pace: str
    checkpoints: str
    machine: str
    predicted_s: float
    measured_s: float
    makespan: float
    completion: float
    completion_absolute: float
    utilisation: float
    utilisation_absolute: float
    segment_time: float
    score: float | None
    decisions_alike: float
    parts: ErrorParts


class Prediction(NamedTuple):
    """The errors, the CPU seconds of one simulation, how far the machine was that of the probe, and
    what the simulations assumed."""

    errors: Errors
    simulator_s: float
    warnings: list[str]
    assumptions: list[str]


class _Draw(NamedTuple):
    """One simulation of a recorded run."""

    seconds: RunSeconds
    metrics: Metrics
    alike: float


def predict(recording: Recording) -> Prediction:
    """Simulate the recorded run as `hetsched validate` does, with the step times and costs of its
    probe, and compare the mean of the simulations with the run. Raises InputError for a run that is
    not finished."""
    check_finished(recording)
    setup, events = recording.setup, recording.events
    measured = RunSeconds.of(events)
    if measured is None:
        raise _nothing_finished(recording, "run")
    with TemporaryDirectory(prefix="hetsched-fidelity-") as folder:
        begun = time.process_time()
        runs = simulate(setup, recording.strategy, recording.seed, Path(folder) / "run", PREDICTIONS)
        simulator_s = (time.process_time() - begun) / len(runs)
        draws = [_draw(recording, run) for run in runs]
        assumed = _assumed(recording, runs)
    cores, checkpoints = setup.scenario.overheads.host_cores, setup.scenario.checkpoints
    steps = worker_steps([events], setup.times, cores, checkpoints)
    real = measure(events, setup)
    warnings = _of_another_machine(steps, recording.about.machine, lost=real.lost_segments > 0)
    factors = _factors(recording, measured, "another" if warnings else "as probed")
    return Prediction(_errors(recording.name, factors, draws, measured, real), simulator_s, warnings, assumed)


def check_finished(recording: Recording) -> None:
    """Raise InputError for a run that did not come to its end: how long it takes is not known."""
    last = recording.events[-1]
    if not (isinstance(last, RunEnded) and last.reason == COMPLETED):
        raise InputError(f"{recording.name}: the run is not finished: finish it, or leave it out")


def _assumed(recording: Recording, runs: Sequence[RunResult]) -> list[str]:
    """What the simulations of the run assume, and which workers they leave idle."""
    setup, strategies = recording.setup, [recording.strategy]
    idle = idle_workers(setup, strategies).values()
    return [*assumptions(setup, strategies), *idle, *beyond_recordings(setup, runs)]


def _draw(recording: Recording, run: RunResult) -> _Draw:
    simulated = list(read_log(run.log))
    seconds = RunSeconds.of(simulated)
    if seconds is None:
        raise _nothing_finished(recording, "prediction")
    ours, theirs = decisions(simulated), decisions(recording.events)
    return _Draw(seconds, run.metrics, len(ours.items() & theirs.items()) / max(len(ours), len(theirs)))


def _nothing_finished(recording: Recording, which: str) -> InputError:
    return InputError(f"recording {recording.name}: the {which} has finished no segment; remove the recording")


def _errors(recording: str, factors: dict[str, str], draws: Sequence[_Draw], seen: RunSeconds, real: Metrics) -> Errors:
    late = [
        _percent(fmean(ends), at_s)
        for trial, at_s in seen.completed_s.items()
        if (ends := [d.seconds.completed_s[trial] for d in draws if trial in d.seconds.completed_s])
    ]
    used = [
        100 * (fmean(d.metrics.workers.get(name, NEVER_THERE).utilisation for d in draws) - worker.utilisation)
        for name, worker in real.workers.items()
    ]
    foretold_s = fmean(draw.seconds.makespan_s for draw in draws)
    score = mean_of_known(draw.metrics.best_score for draw in draws)
    return Errors(
        recording=recording,
        **factors,
        predicted_s=round(foretold_s, 3),
        measured_s=round(seen.makespan_s, 3),
        makespan=_percent(foretold_s, seen.makespan_s),
        completion=fmean(late),
        completion_absolute=fmean(map(abs, late)),
        utilisation=fmean(used),
        utilisation_absolute=fmean(map(abs, used)),
        segment_time=_percent(fmean(draw.seconds.segment_s for draw in draws), seen.segment_s),
        score=None if score is None or real.best_score is None else score - real.best_score,
        decisions_alike=100 * fmean(draw.alike for draw in draws),
        parts=weighted([(error_parts(draw.seconds, seen), seen.makespan_s) for draw in draws]),
    )


def _factors(recording: Recording, seen: RunSeconds, machine: str) -> dict[str, str]:
    """The levels of the factors. Numbers are put into classes."""
    workers = len(seen.workers)
    population = sum(experiment.population for experiment in recording.setup.workload.experiments)
    return {
        "training": recording.training,
        "policy": recording.strategy.scheduling,
        "workers": str(workers),
        "trials_per_worker": _class(population / workers, (1, 2)),
        "segment": f"{_class(seen.segment_s, (2, 5))} s",
        "pace": "paced" if recording.setup.paced else "unpaced",
        "checkpoints": recording.setup.scenario.checkpoints.place,
        "machine": machine,
    }


def _class(value: float, bounds: tuple[int, int]) -> str:
    """The class of a value, in words.

    >>> _class(0.5, (1, 2)), _class(2.0, (1, 2)), _class(7.0, (1, 2))
    ('to 1', '1 to 2', 'over 2')
    """
    low, high = bounds
    return f"to {low}" if value <= low else f"{low} to {high}" if value <= high else f"over {high}"


def _percent(predicted: float, measured: float) -> float:
    return 100 * (predicted - measured) / measured


def _of_another_machine(steps: list[WorkerSteps], machine: Machine | None, lost: bool) -> list[str]:
    """How the machine of the run differed from the machine of the probe, in words. `lost`: the run
    lost segments. Then start-ups tell nothing of the machine."""
    late = [of_type.late for of_type in steps if of_type.late is not None and of_type.factor > 1 + LATE]
    found = [*late, *(line for of_type in steps for line in of_type.unlike(lost))]
    if machine is not None and machine.load is not None and abs(machine.load[1] - machine.load[0]) > machine.cores / 2:
        before, then = machine.load
        found.append(f"the load of the machine was {before:.1f} before the probe and {then:.1f} before the run")
    return found
