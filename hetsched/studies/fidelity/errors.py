"""The errors of the prediction of one recorded run."""

import time
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import NamedTuple

from msgspec import Struct

from hetsched.analysis.error_parts import ErrorParts, RunSeconds, error_parts
from hetsched.analysis.metrics import Metrics, measure
from hetsched.analysis.step_times import LATE, WorkerSteps, worker_steps
from hetsched.core.log import read_log
from hetsched.errors import InputError
from hetsched.studies.fidelity.recordings import Machine, Recording
from hetsched.studies.one_run import carry_out
from hetsched.studies.validation import NEVER_THERE, decisions

FACTORS = ("training", "policy", "workers", "trials_per_worker", "segment", "pace", "checkpoints", "machine")


class Errors(Struct, frozen=True):
    """A row of the table: the factors of a run, and the signed errors of its prediction (predicted less measured).

    - `makespan`, `completion`, `segment`: in percent of the measured value. `completion` is the mean over the trials.
      `segment` is for the mean time of a segment.
    - `utilisation`: the mean over the workers, in percentage points.
    - names with `_absolute`: means of absolute values.
    - `score`: for the best score. None: the learning of the training is not predicted.
    - `decisions_alike`: the percentage of segments that went to the same worker for as many iterations.
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
    """The errors, the CPU seconds that the simulator took, and how far the machine was that of the probe."""

    errors: Errors
    simulator_s: float
    warnings: list[str]


def predict(recording: Recording) -> Prediction:
    """Simulate the recorded run, with the step times and costs of its probe and its own seed, and compare the two."""
    setup, events = recording.setup, recording.events
    with TemporaryDirectory(prefix="hetsched-fidelity-") as folder:
        begun = time.process_time()
        run, _ = carry_out("sim", setup, recording.strategy, recording.seed, Path(folder))
        simulator_s = time.process_time() - begun
        simulated = list(read_log(run.log))
    predicted, measured = RunSeconds.of(simulated), RunSeconds.of(events)
    if predicted is None or measured is None:
        which = "run" if measured is None else "prediction"
        raise InputError(f"recording {recording.name}: the {which} has finished no segment; remove the recording")
    ours, theirs = decisions(simulated), decisions(events)
    alike = len(ours.items() & theirs.items()) / max(len(ours), len(theirs))
    steps = worker_steps([events], setup.times, setup.scenario.overheads.host_cores)
    warnings = _of_another_machine(steps, recording.about.machine)
    factors = _factors(recording, measured, "another" if warnings else "as probed")
    errors = _errors(recording.name, factors, (predicted, run.metrics), (measured, measure(events, setup)), alike)
    return Prediction(errors, simulator_s, warnings)


def _errors(
    recording: str,
    factors: dict[str, str],
    predicted: tuple[RunSeconds, Metrics],
    measured: tuple[RunSeconds, Metrics],
    alike: float,
) -> Errors:
    (foretold, figures), (seen, real) = predicted, measured
    late = [
        _percent(foretold.completed_s[trial], at_s)
        for trial, at_s in seen.completed_s.items()
        if trial in foretold.completed_s
    ]
    used = [
        100 * (figures.workers.get(worker, NEVER_THERE).utilisation - of_worker.utilisation)
        for worker, of_worker in real.workers.items()
    ]
    known = figures.best_score is not None and real.best_score is not None
    return Errors(
        recording=recording,
        **factors,
        predicted_s=round(foretold.makespan_s, 3),
        measured_s=round(seen.makespan_s, 3),
        makespan=_percent(foretold.makespan_s, seen.makespan_s),
        completion=fmean(late),
        completion_absolute=fmean(map(abs, late)),
        utilisation=fmean(used),
        utilisation_absolute=fmean(map(abs, used)),
        segment_time=_percent(foretold.segment_s, seen.segment_s),
        score=figures.best_score - real.best_score if known else None,  # type: ignore[operator]
        decisions_alike=100 * alike,
        parts=error_parts(foretold, seen),
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


def _of_another_machine(steps: list[WorkerSteps], machine: Machine | None) -> list[str]:
    """How the machine of the run differed from the machine of the probe, in words."""
    late = [of_type.late for of_type in steps if of_type.late is not None and of_type.factor > 1 + LATE]
    found = [*late, *(line for of_type in steps for line in of_type.unlike)]
    if machine is not None and machine.load is not None and abs(machine.load[1] - machine.load[0]) > machine.cores / 2:
        before, then = machine.load
        found.append(f"the load of the machine was {before:.1f} before the probe and {then:.1f} before the run")
    return found
