"""The figures of a run, computed from its log. `hetsched.analysis.figures` defines them.

A `Measurement` follows a run event by event, so that a simulation need not read what it has just
written. The same code measures a log.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from hetsched.analysis.against_bounds import against_bounds, fairness
from hetsched.analysis.figures import (
    allocation_rate,
    best_score,
    makespan,
    score_at,
    time_to_target,
    utilisation,
    wasted_fraction,
    within,
)
from hetsched.analysis.fragmentation import Fragmentation
from hetsched.analysis.lineage import Family
from hetsched.analysis.moves import Moves
from hetsched.analysis.response_times import response_times
from hetsched.analysis.staleness import Lag
from hetsched.analysis.worker_time import Occupancy
from hetsched.core.applied_events import followed
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.domain.cluster import WorkerId
from hetsched.domain.metric import Metric, shared
from hetsched.domain.prices import cost, prices_per_h
from hetsched.domain.problem import Problem
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.errors import HetschedError


class WorkerMetrics(Struct, frozen=True):
    """One worker: `busy_s` are its seconds in segments, `utilisation` is `busy_s` / its seconds in
    the cluster, and `segments` is how many it finished. A gang's segment counts for each of its
    workers."""

    busy_s: float
    utilisation: float
    segments: int


class Metrics(Struct, frozen=True):
    """The figures of one run. `hetsched.analysis.figure_table` says what each is, and in which
    unit.

    `metric` is the metric of all experiments. None: they have different ones, so their scores
    cannot be compared. A figure is None if the run does not have it. Bounds and fairness are None
    if the profile lacks a step time of some trial.
    """

    strategy: str
    seed: int
    makespan_s: float
    bound_s: float | None
    bound_ratio: float | None
    workers_bound_s: float | None
    workers_bound_ratio: float | None
    mean_jct_s: float | None
    p99_jct_s: float | None
    area_weighted_jct_s: float | None
    wait_s: float | None
    small_wait_s: float | None
    large_wait_s: float | None
    jct_bound_s: float | None
    jct_bound_ratio: float | None
    metric: Metric | None
    best_score: float | None
    lineage_iterations: float | None
    time_to_target_s: float | None
    score_at_deadline: float | None
    score_at_budget: float | None
    cost: float | None
    utilisation: float
    allocation_rate: float | None
    fragmentation: float | None
    wasted_s: float
    wasted_fraction: float
    staleness: float | None
    finish_time_fairness: float | None
    mean_finish_time_fairness: float | None
    preemptions: int
    migrations: int
    cores_used: int
    cores: int
    gpus_used: float
    gpus: int
    iterations: int
    samples: int
    segments: int
    lost_segments: int
    exploits: int
    completed: int
    trials: int
    workers: dict[WorkerId, WorkerMetrics]


def check_trained(strategy: Strategy, metrics: Metrics, purpose: str) -> None:
    """Raise HetschedError for a run that trained nothing: there is nothing to `purpose`, such as
    "compare"."""
    if not metrics.iterations:
        raise HetschedError(f"{strategy} trained nothing under seed {metrics.seed}: nothing to {purpose}")


class Measurement:
    """Follows a run. It must be called with the state and every event, after the event was applied
    to the state.

    It keeps only what the state forgets.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._occupancy = Occupancy()
        self._finished: dict[WorkerId, float] = {}
        self._end_s = 0.0
        self._lost = 0
        self._undone_s = 0.0  # by lost checkpoints
        self._trained: defaultdict[TrialId, list[tuple[int, float]]] = defaultdict(list)
        self._targets: dict[ExperimentId, float] = {}
        self._reached: dict[ExperimentId, float | None] = {}
        self._in_time: list[tuple[float, float | None]] = []
        self._prices = prices_per_h(problem.cluster)
        self._gpus = [node for node in problem.cluster if node.gpus]
        self._in_budget: list[float | None] = []
        self._may_spend = True  # what was spent never gets less
        self._lags: dict[ExperimentId, Lag] = {}
        self._moves = Moves()
        self._family = Family()
        is_restricted = any(one.gang > 1 or one.devices is not None for one in problem.workload.experiments)
        self._fragmentation = Fragmentation(problem.times) if is_restricted else None

    def __call__(self, state: State, event: Event) -> None:
        handle = _HANDLERS.get(type(event))
        if handle is not None:
            handle(self, state, event)
        self._family(event)
        if self._fragmentation is not None:
            self._fragmentation(state, event)

    def metrics(self, state: State) -> Metrics:
        """The figures of the run so far."""
        problem, makespan_s = self._problem, makespan(self._finished.values())
        cluster, workers = problem.cluster, self._occupancy.workers
        busy, segments = self._occupancy.busy_s, self._occupancy.segments
        present = {worker: self._occupancy.present_s(worker, self._end_s) for worker in workers}
        responses = response_times(state, problem.times, workers.values(), self._occupancy.trial_s)
        metric = shared(experiment.metric for experiment in state.experiments.values())
        return Metrics(
            strategy=state.run.strategy if state.run else "",
            seed=state.run.seed if state.run else 0,
            makespan_s=makespan_s,
            **against_bounds(state, problem, workers.values(), makespan_s, responses.mean_jct_s),
            **responses._asdict(),
            metric=metric,
            best_score=best_score(state.best_score.values(), metric),
            lineage_iterations=self._family.behind_best(),
            time_to_target_s=time_to_target(self._reached.values()),
            score_at_deadline=score_at(self._in_time, problem.deadline_s, metric),
            score_at_budget=best_score(self._in_budget, metric),
            cost=self._cost(state) if self._prices else None,
            utilisation=utilisation(busy.values(), present.values()),
            **self._of_gpus(state),
            staleness=self._staleness(state.now),
            **fairness(state, problem, workers.values()),
            cores_used=sum(worker.cores for worker in workers.values()),
            cores=sum(node.cores for node in cluster),
            gpus_used=sum(worker.gpu_share for worker in workers.values()),
            gpus=sum(node.gpus for node in cluster),
            **self._disturbances(sum(busy.values())),
            **_progress(state),
            workers={w: WorkerMetrics(busy[w], utilisation([busy[w]], [present[w]]), segments[w]) for w in workers},
        )

    def _disturbances(self, busy_s: float) -> dict[str, Any]:
        """The metrics that count failures and moves, by name. `busy_s` are the busy seconds of all
        workers."""
        wasted_s = self._occupancy.lost_s + self._undone_s
        return {
            "wasted_s": wasted_s,
            "wasted_fraction": wasted_fraction(wasted_s, busy_s),
            "lost_segments": self._lost,
            "preemptions": self._moves.preemptions,
            "migrations": self._moves.migrations,
        }

    def _cost(self, state: State) -> float:
        return cost(self._prices, lambda node: state.nodes.seconds(node, state.now))

    def _of_gpus(self, state: State) -> dict[str, Any]:
        """The metrics of how GPUs were assigned, by name."""
        workers, nodes, now = self._occupancy.workers, state.nodes, state.now
        held = sum(self._occupancy.busy_s[name] * worker.gpu_share for name, worker in workers.items())
        used = {worker.node for worker in workers.values()}
        late_s = self._problem.late_s
        gpus = (
            (node.gpus, nodes.seconds(node.id, now) if node.id in used else max(0.0, now - late_s.get(node.id, 0.0)))
            for node in self._gpus
        )
        return {
            "allocation_rate": allocation_rate(held, sum(of_node * seconds for of_node, seconds in gpus)),
            "fragmentation": None if self._fragmentation is None else self._fragmentation.share,
        }

    def _staleness(self, now: float) -> float | None:
        lags = self._lags.values()
        for lag in lags:
            lag.pass_time(now)
        trial_s = sum(lag.trial_s for lag in lags)
        return sum(lag.behind_s for lag in lags) / trial_s if trial_s else None

    # One method an event type that matters.

    def _worker_joined(self, state: State, event: WorkerJoined) -> None:
        self._occupancy.join(event)

    def _worker_left(self, state: State, event: WorkerLeft) -> None:
        self._occupancy.leave(event)

    def _experiment_arrived(self, state: State, event: ExperimentArrived) -> None:
        experiment = event.experiment
        target = self._problem.target_score
        if target is None:
            target = experiment.stop_score
        if target is not None and experiment.evaluation_images:
            self._targets[experiment.id] = target
            self._reached[experiment.id] = None
        if experiment.pbt is not None:
            self._lags[experiment.id] = Lag(experiment.interval)

    def _trial_added(self, state: State, event: TrialAdded) -> None:
        lag = self._lags.get(event.experiment)
        if lag is not None:
            lag.add(event.time)

    def _segment_started(self, state: State, event: SegmentStarted) -> None:
        self._occupancy.start(event)
        self._moves.start(event.time, event.trial, (event.worker, *event.others), event.package)

    def _segment_ended(self, state: State, event: SegmentEnded) -> None:
        time, score = event.time, event.score
        self._finished[event.worker] = self._end_s = time
        trial = state.trials[event.trial]
        experiment = trial.experiment
        self._trained[trial.id].append((trial.iterations, self._occupancy.end(event)))
        self._moves.end(trial.id)
        lag = self._lags.get(experiment)
        if lag is not None:
            lag.advance(time, event.iterations, state.lead[experiment])
        target = self._targets.get(experiment)
        if target is not None and state.experiments[experiment].metric.reached(score, target):
            self._reached[experiment] = time
            del self._targets[experiment]
        deadline_s = self._problem.deadline_s
        if deadline_s is not None and within(time, deadline_s):
            self._in_time.append((time, score))
        if self._may_spend and (budget := self._problem.budget) is not None:
            self._may_spend = within(self._cost(state), budget)
            if self._may_spend:
                self._in_budget.append(score)

    def _segment_lost(self, state: State, event: SegmentLost) -> None:
        self._lost += 1
        self._end_s = event.time
        self._occupancy.end(event)

    def _checkpoint_lost(self, state: State, event: CheckpointLost) -> None:
        """Count the segments after the remaining checkpoint as wasted."""
        trial = state.trials[event.trial]
        trained = self._trained[trial.id]
        before = trained[-1][0] if trained else 0
        while trained and (trained[-1][0] > trial.iterations or trial.iterations > before):
            self._undone_s += trained.pop()[1]
        if not trained or trained[-1][0] != trial.iterations:  # a count that it took over, or had before that
            trained.append((trial.iterations, 0.0))
        lag = self._lags.get(trial.experiment)
        if lag is not None:
            lag.advance(event.time, trial.iterations - before, state.lead[trial.experiment])

    def _trial_exploited(self, state: State, event: TrialExploited) -> None:
        """Keep the work of a trial that copied a count: it can no longer be lost, because PBT has
        replaced it."""
        trial = state.trials[event.trial]
        if not state.experiments[trial.experiment].counts_lineage:
            return
        trained = self._trained[trial.id]
        before = trained[-1][0] if trained else 0
        self._lags[trial.experiment].advance(event.time, trial.iterations - before, state.lead[trial.experiment])
        trained[:] = [(trial.iterations, 0.0)]

    def _trial_completed(self, state: State, event: TrialCompleted) -> None:
        trial = state.trials[event.trial]
        self._moves.complete(event.time, trial.id)
        self._trained.pop(trial.id, None)
        lag = self._lags.get(trial.experiment)
        if lag is not None:
            lag.complete(event.time, trial.iterations)


_HANDLERS: Mapping[type[Event], Callable[[Measurement, State, Any], None]] = {
    WorkerJoined: Measurement._worker_joined,
    WorkerLeft: Measurement._worker_left,
    ExperimentArrived: Measurement._experiment_arrived,
    TrialAdded: Measurement._trial_added,
    SegmentStarted: Measurement._segment_started,
    SegmentEnded: Measurement._segment_ended,
    SegmentLost: Measurement._segment_lost,
    CheckpointLost: Measurement._checkpoint_lost,
    TrialExploited: Measurement._trial_exploited,
    TrialCompleted: Measurement._trial_completed,
}


def _progress(state: State) -> dict[str, Any]:
    """The metrics that count what the trials did, by name."""
    trials = state.trials.values()
    return {
        "iterations": sum(trial.trained for trial in trials),
        "samples": sum(n * kind.batch_size for trial in trials for kind, n in trial.trained_by_kind.items()),
        "segments": state.segments,
        "exploits": sum(trial.exploits for trial in trials),
        "completed": sum(trial.completed is not None for trial in trials),
        "trials": len(trials),
    }


def measure(events: Iterable[Event], problem: Problem) -> Metrics:
    """The metrics of a run of the problem, by its events. Raises InputError for an event that
    cannot follow from the events before it."""
    state, measurement = State(), Measurement(problem)
    for event in followed(events, state):
        measurement(state, event)
    return measurement.metrics(state)


def measure_log(path: Path, problem: Problem) -> Metrics:
    """The metrics of a log file."""
    return measure(read_log(path), problem)
