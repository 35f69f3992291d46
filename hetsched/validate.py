"""Predicted against measured: profile what will run, simulate it, run it, say how far the two agree."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, median, stdev

from msgspec import Struct

from hetsched.backend import LOG_NAME, Listener, backend
from hetsched.cluster import CPU, WorkerId, WorkerType
from hetsched.events import Event, SegmentEnded
from hetsched.metrics import Metrics, measure_log
from hetsched.profiles import ProfileRow, StepTimes
from hetsched.registry import Strategy
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
                "stop_iterations": 4 * max(2, experiment.pbt.perturbation_interval // 2),
                "stop_accuracy": None,
                "arrival_s": 0.0,
                "pbt": experiment.pbt.model_copy(
                    update={"perturbation_interval": max(2, experiment.pbt.perturbation_interval // 2)}
                ),
            }
        )
        for experiment in scenario.workload.experiments
    ]
    return scenario.replace(workload=scenario.workload.model_copy(update={"experiments": experiments}))


def calibrate(events: Iterable[Event], provenance: str) -> Calibration:
    """The step times and costs that a log shows, by kind of trial and type of worker.

    Step times of paced workers are given without their pace, as in any profile.
    """
    state = State()
    ended: defaultdict[tuple[TrialKind, WorkerType], list[SegmentEnded]] = defaultdict(list)
    images: dict[TrialKind, int] = {}
    dispatch: list[float] = []
    for event in events:
        state.apply(event)
        if isinstance(event, SegmentEnded):
            experiment = state.experiments[state.trials[event.trial].experiment]
            images[experiment.kind] = experiment.evaluation_images
            ended[experiment.kind, state.workers[event.worker].type].append(event)
            dispatch.append(event.parts.dispatch_s)
    rows = [_row(kind, worker, of_pair, images[kind], provenance) for (kind, worker), of_pair in ended.items()]
    return Calibration(rows, median(dispatch) if dispatch else 0.0)


def _row(
    kind: TrialKind, worker: WorkerType, ended: Sequence[SegmentEnded], images: int, provenance: str
) -> ProfileRow:
    iterations = sum(segment.iterations for segment in ended)
    rates = [segment.parts.train_s / segment.iterations for segment in ended]
    mean = sum(segment.parts.train_s for segment in ended) / iterations
    length = iterations / len(ended)
    parts = [segment.parts for segment in ended]
    return ProfileRow(
        model=kind.model,
        dataset=kind.dataset,
        batch_size=kind.batch_size,
        device=worker.device,
        cores=worker.cores if worker.device == CPU else 0,
        gpu_share=worker.gpu_share,
        seconds_per_iteration=mean / (worker.pace or 1.0),
        # Segments average their iterations: sqrt(length) undoes that, taking iterations as independent.
        noise_cv=stdev(rates) / fmean(rates) * length**0.5 if len(rates) > 1 else None,
        evaluation_s_per_image=fmean(part.evaluate_s for part in parts) / images,
        start_up_s=_mean_where_any([part.start_up_s for part in parts]),
        restore_s=_mean_where_any([part.restore_s for part in parts]),
        checkpoint_s=fmean(part.checkpoint_s for part in parts),
        provenance=provenance,
    )


def _mean_where_any(values: Sequence[float]) -> float | None:
    """The mean of the values above 0 (what did not happen took no time and is no measurement)."""
    happened = [value for value in values if value > 0]
    return fmean(happened) if happened else None


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


def run_one(
    name: str, scenario: Scenario, strategy: Strategy, seed: int, folder: Path, listen: Listener | None = None
) -> Metrics:
    """Run a strategy on the backend of that name, in a folder without a log, and measure its log."""
    folder.mkdir(parents=True, exist_ok=True)
    backend(name)(scenario, strategy, seed, folder, listen)
    return measure_log(folder / LOG_NAME, scenario)
