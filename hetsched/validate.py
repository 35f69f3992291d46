"""Predicted against measured: profile what will run, simulate it, run it, say how far the two agree."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median, stdev
from typing import NamedTuple

from msgspec import Struct

from hetsched.cluster import WorkerId, WorkerType
from hetsched.events import Event, SegmentEnded
from hetsched.metrics import Metrics
from hetsched.profiles import ProfileRow, StepTimes
from hetsched.scenario import Scenario
from hetsched.state import State
from hetsched.workload import TrialKind

PROBE = "least-progress"
"""The scheduling policy of a calibration run: it moves trials between workers, so that restores are seen."""


class Error(Struct, frozen=True):
    """A figure predicted and measured (means over the repetitions) and the signed error of the prediction.

    `error_percent` is 100 x (predicted - measured) / measured, None where nothing was measured.
    """

    predicted: float
    measured: float
    error_percent: float | None


class WorkerAgreement(Struct, frozen=True):
    utilisation: Error
    segments: Error


class Agreement(Struct, frozen=True):
    """How far prediction and measurement agree for one strategy. Seconds end in `_s`."""

    makespan_s: Error
    best_accuracy: Error
    utilisation: Error
    workers: dict[WorkerId, WorkerAgreement]
    measured_makespans_s: list[float]


class Calibration(Struct, frozen=True):
    """What a run showed of the machine: a profile, and the driver's seconds per segment."""

    rows: list[ProfileRow]
    dispatch_s: float


def probe_scenario(scenario: Scenario, workers: int) -> Scenario:
    """A short run on the same cluster of the same kinds of trial: one trial more than workers, four segments each.

    Every worker is seen cold and warm, and trials move, so that all parts of a segment are measured.
    """
    experiments = [
        experiment.model_copy(
            update={
                "population": workers + 1,
                "stop_iterations": 4 * interval,
                "stop_accuracy": None,
                "arrival_s": 0.0,
                "checkpoint_interval": None,
                "pbt": experiment.pbt.model_copy(update={"enabled": True, "perturbation_interval": interval}),
            }
        )
        for experiment in scenario.workload.experiments
        for interval in [max(2, experiment.experiments()[0].interval // 2)]
    ]
    return scenario.replace(workload=scenario.workload.model_copy(update={"experiments": experiments}))


def calibrate(events: Iterable[Event], provenance: str) -> Calibration:
    """The step times and costs that a log shows, by kind of trial and type of worker.

    Step times of paced workers are given without their pace, as in any profile.
    """
    state = State()
    seen: defaultdict[tuple[TrialKind, WorkerType], list[_Seen]] = defaultdict(list)
    for event in events:
        if isinstance(event, SegmentEnded):
            trial = state.trials[event.trial]
            experiment = state.experiments[trial.experiment]
            worker = state.workers[event.worker].type
            restored = state.must_restore(trial, event.worker)
            pair = (trial.kind, worker._replace(pace=None))
            seen[pair].append(_Seen(event, worker.pace or 1.0, restored, experiment.evaluation_images))
        state.apply(event)
    rows = [_row(kind, worker, of_pair, provenance) for (kind, worker), of_pair in seen.items()]
    dispatch = [segment.ended.parts.dispatch_s for of_pair in seen.values() for segment in of_pair]
    return Calibration(rows, median(dispatch) if dispatch else 0.0)


class _Seen(NamedTuple):
    """A segment that ended: on a worker of that pace, after a restore or not, with so many images evaluated."""

    ended: SegmentEnded
    pace: float
    restored: bool
    images: int


def _row(kind: TrialKind, worker: WorkerType, seen: Sequence[_Seen], provenance: str) -> ProfileRow:
    iterations = sum(segment.ended.iterations for segment in seen)
    trained = [segment.ended.parts.train_s / segment.pace for segment in seen]
    rates = [seconds / segment.ended.iterations for seconds, segment in zip(trained, seen, strict=True)]
    starts = [segment.ended.parts.start_up_s for segment in seen if segment.ended.parts.start_up_s > 0]
    restores = [segment.ended.parts.restore_s for segment in seen if segment.restored]
    return ProfileRow(
        model=kind.model,
        dataset=kind.dataset,
        batch_size=kind.batch_size,
        device=worker.device,
        cores=worker.cores,
        gpu_share=worker.gpu_share,
        seconds_per_iteration=sum(trained) / iterations,
        # A segment averages over its iterations: the root of their number undoes that, if they are independent.
        noise_cv=stdev(rates) / fmean(rates) * (iterations / len(seen)) ** 0.5 if len(rates) > 1 else None,
        evaluation_s_per_image=fmean(segment.ended.parts.evaluate_s / max(1, segment.images) for segment in seen),
        start_up_s=fmean(starts) if starts else None,
        restore_s=fmean(restores) if restores else None,
        checkpoint_s=fmean(segment.ended.parts.checkpoint_s for segment in seen),
        provenance=provenance,
    )


def calibrated(scenario: Scenario, calibration: Calibration) -> Scenario:
    """The scenario with step times, costs and dispatch time as measured."""
    overheads = scenario.overheads.model_copy(update={"dispatch_s": calibration.dispatch_s})
    return scenario.replace(overheads=overheads).replace_times(StepTimes(calibration.rows))


def agreement(predicted: Sequence[Metrics], measured: Sequence[Metrics]) -> Agreement:
    """Compare the means of repetitions."""
    by_worker = [m.workers for m in predicted], [m.workers for m in measured]
    workers = {
        worker: WorkerAgreement(
            error([m[worker].utilisation for m in by_worker[0]], [m[worker].utilisation for m in by_worker[1]]),
            error([m[worker].segments for m in by_worker[0]], [m[worker].segments for m in by_worker[1]]),
        )
        for worker in measured[0].workers
    }
    return Agreement(
        makespan_s=error([m.makespan_s for m in predicted], [m.makespan_s for m in measured]),
        best_accuracy=error([m.best_accuracy for m in predicted], [m.best_accuracy for m in measured]),
        utilisation=error([m.utilisation for m in predicted], [m.utilisation for m in measured]),
        workers=workers,
        measured_makespans_s=[m.makespan_s for m in measured],
    )


def error(predicted: Sequence[float], measured: Sequence[float]) -> Error:
    """
    >>> error([9.0, 9.0], [10.0, 8.0])
    Error(predicted=9.0, measured=9.0, error_percent=0.0)
    >>> error([9.0], [10.0]).error_percent
    -10.0
    """
    p, m = fmean(predicted), fmean(measured)
    return Error(p, m, 100 * (p - m) / m if m else None)
