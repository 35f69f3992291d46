"""Predicted against measured: profile a training, simulate it, run it, and compare the two."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, combinations
from math import sqrt
from statistics import fmean
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from hetsched.analysis.error_parts import ErrorParts
from hetsched.analysis.intervals import interval, level, mean_of_known, spread, variation
from hetsched.analysis.metrics import Metrics, WorkerMetrics
from hetsched.analysis.step_times import WorkerSteps
from hetsched.core.events import Event, SegmentEnded, SegmentStarted
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.metric import Metric
from hetsched.domain.missing_times import MEASURE, why_missing
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.workload import TrialId, TrialKind
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import RunResult

Decisions = dict[tuple[TrialId, int], tuple[WorkerId, int]]
"""The worker and the iterations of every trial's k-th segment."""

PROBE = "least-progress"
"""The scheduling policy of a calibration run. It moves trials between workers, so that restores are measured."""

NEVER_THERE = WorkerMetrics(busy_s=0.0, utilisation=0.0, segments=0)
"""The figures of a worker in a run without this worker."""


class Error(Struct, frozen=True):
    """A predicted and a measured figure (means over the repetitions), and the signed error of the prediction.

    `error_percent` is 100 x (predicted - measured) / |measured|. None: nothing was measured. `ci95_percent` is its 95%
    interval (Student's t), paired by seed. None: there is one repetition, or the error in percent is the same in all.
    """

    predicted: float
    measured: float
    error_percent: float | None
    ci95_percent: tuple[float, float] | None = None


class WorkerAgreement(Struct, frozen=True):
    utilisation: Error
    segments: Error


class Agreement(Struct, frozen=True):
    """How far prediction and measurement agree for one strategy. Seconds end in `_s`.

    The prediction of a run is the mean of several simulations.

    - `decisions`: the share of segments that went to the same worker for as many iterations, as the mean over the
      simulations. The k-th segments of a trial are compared. The share is of the run that has more segments.
    - `steps`: those of the measured runs.
    - `best_score`: by the seeds under which both are known. None: there is no such seed.
    - `parts`: the parts of the makespan's error. None: a run finished no segment.
    """

    makespan_s: Error
    metric: Metric | None
    best_score: Error | None
    utilisation: Error
    decisions: float
    workers: dict[WorkerId, WorkerAgreement]
    measured_makespans_s: list[float]
    steps: list[WorkerSteps] = []
    parts: ErrorParts | None = None


class OrderAgreement(Struct, frozen=True):
    """Whether prediction and measurement put the strategies into the same order, by the mean of one figure.

    `kendall_tau` is over all pairs of strategies. `kendall_tau_distinct` is over the `distinct_pairs` whose measured
    95% intervals (Student's t) do not overlap. None: there is no pair.
    """

    kendall_tau: float | None
    kendall_tau_distinct: float | None
    distinct_pairs: int


class Calibration(Struct, frozen=True):
    """What a run showed of the machine: a profile, and the seconds of a segment that are not its worker's."""

    rows: list[ProfileRow]
    latency_s: float


def probe_scenario(setup: Setup, workers: int) -> Setup:
    """A short run on the same cluster, with the same kinds of trial: one trial more than workers, four segments each.

    Every worker is measured cold and warm, and trials move, so that all parts of a segment are measured. If there are
    more workers than the experiment has trials, only so many workers are used.
    """
    experiments = [
        experiment.model_copy(
            update={
                "population": min(workers, experiment.population) + 1,
                "stop_iterations": 4 * interval,
                "stop_score": None,
                "arrival_s": 0.0,
                "checkpoint_interval": None,
                "pbt": experiment.pbt.model_copy(
                    update={"enabled": True, "perturbation_interval": interval, "iterations": "own"}
                ),
            }
        )
        for experiment in setup.scenario.workload.experiments
        for interval in [max(2, min(experiment.experiments()[0].interval // 2, experiment.stop_iterations // 4))]
    ]
    return setup.replace(workload=setup.scenario.workload.model_copy(update={"experiments": experiments}))


def calibrate(events: Iterable[Event], provenance: str) -> Calibration:
    """The step times and costs that a log shows, by kind of trial and type of worker.

    The step times of paced workers are without their pace, as in any profile.
    """
    state = State()
    seen: defaultdict[tuple[TrialKind, WorkerType], list[_Seen]] = defaultdict(list)
    for event in events:
        if isinstance(event, SegmentEnded):
            trial = state.trials[event.trial]
            experiment = state.experiments[trial.experiment]
            worker = state.workers[event.worker].type
            restored = state.must_restore(trial, event.worker)
            pair = (trial.kind, worker.as_profiled)
            seen[pair].append(_Seen(event, worker.pace or 1.0, restored, experiment.evaluation_images))
        state.apply(event)
    rows = [_row(kind, worker, of_pair, provenance) for (kind, worker), of_pair in seen.items()]
    latencies = [segment.ended.parts.dispatch_s for of_pair in seen.values() for segment in of_pair]
    return Calibration(rows, fmean(latencies) if latencies else 0.0)


class _Seen(NamedTuple):
    """A finished segment: the pace of its worker, whether it had a restore, and how many images it evaluated."""

    ended: SegmentEnded
    pace: float
    restored: bool
    images: int


def _row(kind: TrialKind, worker: WorkerType, seen: Sequence[_Seen], provenance: str) -> ProfileRow:
    """A row from the segments of a kind of trial on a type of worker.

    Cold segments give the start-up. It includes what their iterations take longer than those of warm segments (first
    calls, empty caches). If there are no warm segments, cold ones give the time of an iteration.
    """
    cold = [segment for segment in seen if segment.ended.parts.start_up_s > 0]
    trained = [segment for segment in seen if segment.ended.parts.start_up_s <= 0] or cold
    seconds = sum(map(_unpaced_s, trained)) / sum(segment.ended.iterations for segment in trained)
    starts = [_start_up_s(segment, seconds) for segment in cold]
    restores = [segment.ended.parts.restore_s for segment in seen if segment.restored]
    evaluations = [segment.ended.parts.evaluate_s / max(1, segment.images) for segment in seen]
    checkpoints = [segment.ended.parts.checkpoint_s for segment in seen]
    return ProfileRow(
        model=kind.model,
        dataset=kind.dataset,
        batch_size=kind.batch_size,
        device=worker.device,
        cores=worker.cores,
        gpu_share=worker.gpu_share,
        seconds_per_iteration=seconds,
        noise_cv=_noise_cv(trained, seconds),
        evaluation_s_per_image=fmean(evaluations),
        evaluation_cv=variation(evaluations),
        start_up_s=fmean(starts) if starts else None,
        start_up_cv=variation(starts),
        restore_s=fmean(restores) if restores else None,
        restore_cv=variation(restores),
        checkpoint_s=fmean(checkpoints),
        checkpoint_cv=variation(checkpoints),
        provenance=provenance,
    )


def _unpaced_s(segment: _Seen) -> float:
    """The seconds that its iterations would have taken without the worker's pace."""
    return segment.ended.parts.train_s / segment.pace


def _start_up_s(cold: _Seen, seconds_per_iteration: float) -> float:
    expected = seconds_per_iteration * cold.ended.iterations * cold.pace
    return max(0.0, cold.ended.parts.start_up_s + cold.ended.parts.train_s - expected)


def _noise_cv(segments: Sequence[_Seen], mean: float) -> float | None:
    """The coefficient of variation of one iteration's seconds, if iterations are independent. None: one segment.

    The mean over n iterations has 1 / n of the variance. So each segment's squared deviation counts n times.
    """
    if len(segments) < 2:
        return None
    squares = sum((_unpaced_s(one) / one.ended.iterations - mean) ** 2 * one.ended.iterations for one in segments)
    return sqrt(squares / (len(segments) - 1)) / mean


def check_pace(workers: Iterable[Worker]) -> None:
    """Raise InputError if some workers of a type are paced and others not: a profile has one time for all of them."""
    paced: dict[WorkerType, Worker] = {}
    for worker in workers:
        other = paced.setdefault(worker.type.as_profiled, worker)
        if (other.pace is None) != (worker.pace is None):
            raise InputError(
                f"cluster.nodes: workers {other.id} and {worker.id} are of one type, and only one has a pace, "
                "so a probe cannot tell their step times apart; give both a pace, or neither, or validate a --profile"
            )


def completed(calibration: Calibration, setup: Setup, workers: Iterable[Worker]) -> Calibration:
    """The calibration with a row for every kind of trial on every type of worker.

    A missing row comes from the scenario's profile, times the factor by which the worker is slower than that profile.
    Raises InputError for a pair that the profile lacks, too.
    """
    rows = {(row.kind, row.worker_type): row for row in calibration.rows}
    kinds = [kind for experiment in setup.workload.experiments for kind in experiment.kinds]
    for worker in dict.fromkeys(worker.type.as_profiled for worker in workers):
        seen = [row for (_, there), row in rows.items() if there == worker]
        for kind in kinds:
            if (kind, worker) in rows:
                continue
            wanted = setup.times.seconds_per_iteration(kind, worker)
            slower = [
                row.seconds_per_iteration / profiled
                for row in seen
                if (profiled := setup.times.seconds_per_iteration(row.kind, worker)) is not None
            ]
            if wanted is None or not slower:
                why = MEASURE if wanted else why_missing(setup.times, kind, worker)
                raise InputError(
                    f"the probe saw no trial of {kind} on {worker}, and the scenario's profile does not help: {why}; "
                    "a profile that was measured here is given as --profile"
                )
            seconds = wanted * fmean(slower)
            provenance = f"{seen[0].provenance}; the step time by the scenario's profile"
            update = {"batch_size": kind.batch_size, "seconds_per_iteration": seconds, "provenance": provenance}
            rows[kind, worker] = seen[0].model_copy(update=update)
    return replace(calibration, rows=list(rows.values()))


def calibrated(setup: Setup, calibration: Calibration) -> Setup:
    """The scenario with measured step times, costs and latency. The latency includes waiting for the driver."""
    scenario = setup.scenario
    overheads = scenario.overheads.model_copy(update={"dispatch_s": 0.0, "latency_s": calibration.latency_s})
    rows = calibration.rows
    if scenario.checkpoints.place != "storage":  # the checkpoints of the probe went into memory
        rows = [
            row.model_copy(
                update={"object_store_save_s": row.checkpoint_s, "object_store_restore_s": row.restore_s},
            )
            for row in rows
        ]
    times = StepTimes(rows, extrapolate=scenario.profile.extrapolate)
    return setup.replace(overheads=overheads).replace_times(times)


class Repetition(NamedTuple):
    """A run under one seed: its figures, and the decisions in its log."""

    metrics: Metrics
    decisions: Decisions

    @classmethod
    def of(cls, run: RunResult) -> "Repetition":
        return cls(run.metrics, decisions(read_log(run.log)))


def decisions(events: Iterable[Event]) -> Decisions:
    """The worker and the iterations with which the k-th segment of every trial started (k from 1)."""
    count: Counter[TrialId] = Counter()
    found: Decisions = {}
    for event in events:
        if isinstance(event, SegmentStarted):
            count[event.trial] += 1
            found[event.trial, count[event.trial]] = event.worker, event.iterations
    return found


def agreement(
    predicted: Sequence[Sequence[Repetition]], measured: Sequence[Repetition], steps: Iterable[WorkerSteps] = ()
) -> Agreement:
    """Compare measured repetitions with the simulations that predict each of them, in the same order. The mean of the
    simulations counts. `steps` are those of the measured runs.

    A worker that is missing in a run did nothing in it.
    """

    def compare(figure: Callable[[Metrics], float]) -> Error:
        foretold = [fmean(figure(run.metrics) for run in of_one) for of_one in predicted]
        return error(foretold, [figure(run.metrics) for run in measured])

    workers = {
        worker: WorkerAgreement(
            compare(lambda m, worker=worker: m.workers.get(worker, NEVER_THERE).utilisation),  # type: ignore[misc]
            compare(lambda m, worker=worker: m.workers.get(worker, NEVER_THERE).segments),  # type: ignore[misc]
        )
        for worker in dict.fromkeys(worker for run in (*measured, *chain(*predicted)) for worker in run.metrics.workers)
    }
    shares = [
        len(p.decisions.items() & m.decisions.items()) / max(len(p.decisions), len(m.decisions), 1)
        for of_one, m in zip(predicted, measured, strict=True)
        for p in of_one
    ]
    return Agreement(
        makespan_s=compare(lambda m: m.makespan_s),
        metric=measured[0].metrics.metric,
        best_score=_error_of_scores(predicted, measured),
        utilisation=compare(lambda m: m.utilisation),
        decisions=fmean(shares),
        workers=workers,
        measured_makespans_s=[run.metrics.makespan_s for run in measured],
        steps=list(steps),
    )


def _error_of_scores(predicted: Sequence[Sequence[Repetition]], measured: Sequence[Repetition]) -> Error | None:
    foretold = [mean_of_known(run.metrics.best_score for run in of_one) for of_one in predicted]
    pairs = [(p, m.metrics.best_score) for p, m in zip(foretold, measured, strict=True)]
    known = [(p, m) for p, m in pairs if p is not None and m is not None]
    return error([p for p, _ in known], [m for _, m in known]) if known else None


def order_agreement(agreements: Iterable[Agreement]) -> OrderAgreement:
    """The agreement of the strategies' order by makespan."""
    return order_of([(each.makespan_s.predicted, each.measured_makespans_s) for each in agreements])


def order_of(figures: Iterable[tuple[float, Sequence[float]]]) -> OrderAgreement:
    """Kendall's tau of the strategies' predicted means and measured means. Each item has a predicted mean, and the
    measured values by seed.

    Tau is the number of pairs in the same order, less the pairs in the other order, as a share of all pairs.
    """
    signs, distinct = [], []
    for (p_one, m_one), (p_other, m_other) in combinations(figures, 2):
        sign = _order(p_one, p_other) * _order(fmean(m_one), fmean(m_other))
        signs.append(sign)
        if _apart(spread(m_one).ci95, spread(m_other).ci95):
            distinct.append(sign)
    return OrderAgreement(
        fmean(signs) if signs else None,
        fmean(distinct) if distinct else None,
        len(distinct),
    )


def _order(one: float, other: float) -> int:
    """1 if the first is greater, -1 if the other is, 0 if they differ only by rounding."""
    first, second = level([one, other])
    return (first > second) - (first < second)


def _apart(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    return one is not None and other is not None and (one[1] < other[0] or other[1] < one[0])


def mean_absolute_error_percent(agreements: Iterable[Agreement]) -> float | None:
    """The mean over strategies of the absolute error of the predicted makespan."""
    errors = [a.makespan_s.error_percent for a in agreements]
    known = [abs(error) for error in errors if error is not None]
    return fmean(known) if known else None


def error(predicted: Sequence[float], measured: Sequence[float]) -> Error:
    """The error of predicted figures. Both lists have the same seeds, in the same order.

    The error is that of a ratio of two means. Its interval takes into account that both means vary. It is the interval
    of the differences between the predictions and this ratio of the measured figures (Cochran, "Sampling Techniques",
    1977, chapter 6).

    >>> found = error([9.0, 9.0], [10.0, 8.0])
    >>> found.error_percent, [round(end, 1) for end in found.ci95_percent]
    (0.0, [-141.2, 141.2])
    >>> error([9.0], [10.0]).error_percent
    -10.0
    >>> error([-9.0], [-10.0]).error_percent  # a score below 0: predicted is the larger one
    10.0
    """
    p, m = fmean(predicted), fmean(measured)
    if not m:
        return Error(p, m, None)
    found = 100 * (p - m) / abs(m)
    signed = [found + 100 * (one - p / m * other) / abs(m) for one, other in zip(predicted, measured, strict=True)]
    return Error(p, m, found, interval(signed, size=100.0 * max(1.0, abs(p / m))))
