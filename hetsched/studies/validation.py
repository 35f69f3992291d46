"""Predicted against measured: profile a training, simulate it, run it, and compare the two."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, combinations
from statistics import fmean
from typing import NamedTuple

from msgspec import Struct

from hetsched.analysis.error_parts import ErrorParts
from hetsched.analysis.intervals import interval, mean_of_known, spread
from hetsched.analysis.metrics import Metrics, WorkerMetrics
from hetsched.analysis.step_times import WorkerSteps
from hetsched.core.events import Event, SegmentStarted
from hetsched.core.log import read_log
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.metric import Metric
from hetsched.domain.rounding import level
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable
from hetsched.studies.one_run import RunResult

Decisions = dict[tuple[TrialId, int], tuple[WorkerId, int]]
"""The worker and the iterations of every trial's k-th segment."""

PROBE = "least-progress"
"""The scheduling policy of a calibration run. It moves trials between workers, so that restores are
measured."""

NEVER_THERE = WorkerMetrics(busy_s=0.0, utilisation=0.0, segments=0)
"""The figures of a worker in a run without this worker."""


class Error(Struct, frozen=True):
    """A predicted and a measured figure (means over the repetitions), and the signed error of the
    prediction.

    `error_percent` is 100 x (predicted - measured) / |measured|. None: nothing was measured.
    `ci95_percent` is its 95% interval (Student's t), paired by seed. None: there is one repetition,
    or the error in percent is the same in all.
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

    - `decisions`: the share of segments that went to the same worker for as many iterations, as the
      mean over the simulations. The k-th segments of a trial are compared. The share is of the run
      that has more segments.
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
    """Whether prediction and measurement put the strategies into the same order, by the mean of one
    figure.

    `kendall_tau` is over all pairs of strategies. `kendall_tau_distinct` is over the
    `distinct_pairs` whose measured 95% intervals (Student's t) do not overlap. None: there is no
    pair.
    """

    kendall_tau: float | None
    kendall_tau_distinct: float | None
    distinct_pairs: int


def probe_scenario(setup: Setup, workers: int) -> Setup:
    """A short run on the same cluster, with the same kinds of trial: one trial more than workers,
    four segments each.

    Every worker is measured cold and warm, and trials move, so that all parts of a segment are
    measured. An experiment with fewer trials than workers has one trial more in the probe. Workers
    beyond the trials of the probe are not measured. The probe has no faults.
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
    workload = setup.scenario.workload.model_copy(update={"experiments": experiments})
    return setup.replace(workload=workload, faults=FaultsTable())


def check_pace(workers: Iterable[Worker]) -> None:
    """Raise InputError if some workers of a type are paced and others not: a profile has one time
    for all of them."""
    paced: dict[WorkerType, Worker] = {}
    for worker in workers:
        other = paced.setdefault(worker.type.as_profiled, worker)
        if (other.pace is None) != (worker.pace is None):
            raise InputError(
                f"cluster.nodes: workers {other.id} and {worker.id} are of one type, and only one has a pace, "
                "so a probe cannot tell their step times apart; give both a pace, or neither, or validate a --profile"
            )


class Repetition(NamedTuple):
    """A run under one seed: its figures, and the decisions in its log."""

    metrics: Metrics
    decisions: Decisions

    @classmethod
    def of(cls, run: RunResult) -> "Repetition":
        return cls(run.metrics, decisions(read_log(run.log)))


def decisions(events: Iterable[Event]) -> Decisions:
    """The worker and the iterations with which the k-th segment of every trial started (k from
    1)."""
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
    """Compare measured repetitions with the simulations that predict each of them, in the same
    order. The mean of the simulations counts. `steps` are those of the measured runs.

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
    """Kendall's tau of the strategies' predicted means and measured means. Each item has a
    predicted mean, and the measured values by seed.

    Tau is the number of pairs in the same order, less the pairs in the other order, as a share of
    all pairs.
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

    The error is that of a ratio of two means. Its interval takes into account that both means vary.
    It is the interval of the differences between the predictions and this ratio of the measured
    figures (Cochran, "Sampling Techniques", 1977, chapter 6).

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
