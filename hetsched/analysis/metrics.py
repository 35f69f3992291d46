"""What a run came to: log -> numbers. Every metric is defined here, once; docs/statistics.md has the formulae.

A `Measurement` follows a run event by event, so that a simulation need not read again what it has just written. A log
is measured by the same code.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from hetsched.analysis.bounds import cluster_devices, jct_bound, jobs_done, makespan_bound, worker_devices
from hetsched.analysis.bounds_groups import Job
from hetsched.analysis.worker_time import Occupancy
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.errors import HetschedError, InputError
from hetsched.scenario.scenario import Scenario


class WorkerMetrics(Struct, frozen=True):
    """Seconds in segments, that as a fraction of the seconds for which the worker was there, and segments finished. A
    gang's segment counts for each of its workers."""

    busy_s: float
    utilisation: float
    segments: int


class Metrics(Struct, frozen=True):
    """The figures of one run.

    - makespan_s: see `makespan`
    - bound_s: what no schedule of the iterations that this run trained can beat on average, under any allocation
      (`hetsched.analysis.bounds`: no overheads, mean step times, in hindsight where trials stopped on accuracy)
    - workers_bound_s: the same on the workers of this run
    - bound_ratio, workers_bound_ratio: makespan_s / that bound
    - mean_jct_s, p99_jct_s: of the completed trials, see `mean_jct` and `p99_jct`
    - jct_bound_s: what no schedule of their iterations on the workers of this run can beat in mean_jct_s
    - jct_bound_ratio: mean_jct_s / jct_bound_s
    - best_accuracy: see `best_accuracy`
    - time_to_target_s: see `time_to_target`; accuracy_at_deadline: see `accuracy_at`
    - utilisation: see `utilisation`
    - wasted_s, wasted_fraction: see `wasted_fraction`
    - staleness: see `Lag`
    - finish_time_fairness, mean_finish_time_fairness: see `finish_time_fairness`; the worst and the mean over the
      completed experiments
    - preemptions, migrations: see `Moves`
    - cores_used, gpus_used: what is in workers; cores, gpus: what the cluster has
    - iterations, segments: trained and checkpointed; lost_segments: begun and broken
    - exploits: times that PBT copied one trial over another
    - completed: trials that reached their stop rule or were stopped; trials: all trials

    Bounds and fairness are None where the profile knows no step time for some trial.
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
    jct_bound_s: float | None
    jct_bound_ratio: float | None
    best_accuracy: float
    time_to_target_s: float | None
    accuracy_at_deadline: float | None
    utilisation: float
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
    segments: int
    lost_segments: int
    exploits: int
    completed: int
    trials: int
    workers: dict[WorkerId, WorkerMetrics]


def makespan(ends_s: Iterable[float]) -> float:
    """Seconds from the start of the run to the end of the last segment that was finished.

    >>> makespan([40.0, 90.0, 70.0])
    90.0
    """
    return max(ends_s, default=0.0)


def mean_jct(jcts_s: Sequence[float]) -> float | None:
    """The mean job completion time: over the completed trials, completion minus arrival, in seconds. A trial that the
    policy stopped is completed then. None where there is none.

    >>> mean_jct([10.0, 20.0, 60.0])
    30.0
    """
    return fmean(jcts_s) if jcts_s else None


def p99_jct(jcts_s: Sequence[float]) -> float | None:
    """The 99th percentile of the same, with linear interpolation between the two nearest trials.

    >>> p99_jct([10.0, 20.0, 60.0])
    59.2
    """
    return float(np.percentile(jcts_s, 99)) if jcts_s else None


def best_accuracy(scores: Iterable[float]) -> float:
    """The best score, in 0..1, that any trial of any experiment reported; 0 if none did.

    >>> best_accuracy([0.3, 0.9, 0.8])
    0.9
    """
    return max(scores, default=0.0)


def time_to_target(reached_s: Iterable[float | None]) -> float | None:
    """The moment, in seconds since the start of the run, when the last experiment with a target accuracy reached it:
    when any of its trials first reported at least that. None if one never did, and where there is no target.

    >>> time_to_target([40.0, 90.0])
    90.0
    >>> time_to_target([40.0, None])
    """
    moments = list(reached_s)
    known = [moment for moment in moments if moment is not None]
    return max(known) if known and len(known) == len(moments) else None


def accuracy_at(scores: Iterable[tuple[float, float]], deadline_s: float | None) -> float | None:
    """The best score that any trial reported up to the deadline (0 if none did), from pairs (seconds, score). None
    without a deadline.

    >>> accuracy_at([(10.0, 0.3), (20.0, 0.2), (30.0, 0.9)], 20.0)
    0.3
    """
    if deadline_s is None:
        return None
    return max((score for time, score in scores if time <= deadline_s), default=0.0)


def utilisation(busy_s: Iterable[float], present_s: Iterable[float]) -> float:
    """Seconds that workers spent in segments, finished or lost, as a part of the seconds for which they were in the
    cluster, until the last segment ended. Workers that no policy made, and idle devices, do not count.

    >>> utilisation(busy_s=[50.0, 100.0], present_s=[100.0, 100.0])
    0.75
    """
    there = sum(present_s)
    return sum(busy_s) / there if there else 0.0


def wasted_fraction(wasted_s: float, busy_s: float) -> float:
    """Wasted work as a part of the workers' busy seconds. Work is wasted, in seconds of a worker, if its segment was
    lost, or if it was finished and the only checkpoint of its trial was lost later.

    >>> wasted_fraction(wasted_s=30.0, busy_s=120.0)
    0.25
    """
    return wasted_s / busy_s if busy_s else 0.0


def finish_time_fairness(jct_s: float, fair_s: float) -> float:
    """The ratio rho of Themis (NSDI'20) and Gavel (OSDI'20) of an experiment: its completion minus its arrival, by the
    seconds that it would need alone with an equal part of every worker of the run. Above 1, sharing cost it time.

    >>> finish_time_fairness(jct_s=300.0, fair_s=200.0)
    1.5
    """
    return jct_s / fair_s


def check_trained(strategy: Strategy, metrics: Metrics, purpose: str) -> None:
    """Raise HetschedError for a run that trained nothing: it leaves nothing to `purpose`, such as "compare"."""
    if not metrics.iterations:
        raise HetschedError(f"{strategy} trained nothing under seed {metrics.seed}: nothing to {purpose}")


def decision_time(decision_s: float, decisions: int) -> float:
    """Mean seconds that a policy took for a call on this host; they are no part of a simulated run's time.

    >>> decision_time(decision_s=0.5, decisions=200)
    0.0025
    """
    return decision_s / decisions if decisions else 0.0


class Lag:
    """Staleness: how many perturbation intervals an unfinished trial is behind the most advanced trial of its
    population, the mean over trials and time. Waiting trials count, and the most advanced trial may be completed.

    Two trials with an interval of 10: for 5 s they are level, then one of them is an interval ahead for 5 s.

    >>> lag = Lag(interval=10)
    >>> lag.add(0.0); lag.add(0.0)
    >>> lag.advance(5.0, 10, lead=10); lag.advance(10.0, 10, lead=10)
    >>> lag.behind_s / lag.trial_s
    0.25
    """

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._trials = 0
        self._done = 0
        self._lead = 0
        self._since = 0.0
        self._behind = 0.0
        self.trial_s = 0.0

    @property
    def behind_s(self) -> float:
        """Intervals behind, integrated over the seconds of all trials, of which there were `trial_s`."""
        return self._behind / self._interval

    def add(self, time: float) -> None:
        """A trial without iterations joins."""
        self.pass_time(time)
        self._trials += 1

    def advance(self, time: float, iterations: int, lead: int) -> None:
        """A trial did so many iterations more (lost so many, if negative); the most advanced one has `lead` now."""
        self.pass_time(time)
        self._done += iterations
        self._lead = lead

    def complete(self, time: float, iterations: int) -> None:
        """A trial with so many iterations needs no more."""
        self.pass_time(time)
        self._trials -= 1
        self._done -= iterations

    def pass_time(self, time: float) -> None:
        seconds = time - self._since
        self._since = time
        self._behind += seconds * (self._trials * self._lead - self._done)
        self.trial_s += seconds * self._trials


class Moves:
    """How often trials are moved about.

    - preemptions: times that an unfinished trial was left waiting while another took its worker (of a gang: one of its
      workers), at the end of a segment. A trial that goes on elsewhere at the same moment was moved, not preempted, and
      one whose segment was lost was not taken off by a policy
    - migrations: segments that begin on other workers than their trial's segment before

    >>> moves = Moves()
    >>> moves.start(0.0, "a", ("w",)); moves.end("a")
    >>> moves.start(5.0, "b", ("w",))  # a waits
    >>> moves.start(8.0, "a", ("v",))
    >>> moves.preemptions, moves.migrations
    (1, 1)
    """

    def __init__(self) -> None:
        self.preemptions = 0
        self.migrations = 0
        self._last: dict[TrialId, tuple[WorkerId, ...]] = {}
        self._holder: dict[WorkerId, TrialId] = {}
        self._waiting: set[TrialId] = set()
        self._preempted: dict[TrialId, float] = {}

    def start(self, time: float, trial: TrialId, workers: tuple[WorkerId, ...]) -> None:
        """A segment of the trial begins on these workers."""
        before = self._last.get(trial)
        if before is not None:
            self._waiting.discard(trial)
            if before != workers and set(before) != set(workers):
                self.migrations += 1
                for worker in before:
                    if self._holder.get(worker) == trial:
                        del self._holder[worker]
            if self._preempted.pop(trial, None) == time:  # its new worker was dispatched after its old one
                self.preemptions -= 1
        self._last[trial] = workers
        for worker in workers:
            holder = self._holder.get(worker)
            if holder is not None and holder in self._waiting:
                self._waiting.remove(holder)
                self._preempted[holder] = time
                self.preemptions += 1
            self._holder[worker] = trial

    def end(self, trial: TrialId) -> None:
        """The segment is finished; until it is completed or goes on, the trial waits."""
        self._waiting.add(trial)

    def complete(self, trial: TrialId) -> None:
        """The trial waits no more."""
        self._waiting.discard(trial)


class Measurement:
    """Follows a run: call it with the state and every event, after the state has taken that into account.

    It keeps only what the state forgets.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._occupancy = Occupancy()
        self._finished: dict[WorkerId, float] = {}
        self._end_s = 0.0
        self._lost = 0
        self._wasted_s = 0.0
        self._trained: defaultdict[TrialId, list[tuple[int, float]]] = defaultdict(list)
        self._targets: dict[ExperimentId, float] = {}
        self._reached: dict[ExperimentId, float | None] = {}
        self._in_time: list[tuple[float, float]] = []
        self._lags: dict[ExperimentId, Lag] = {}
        self._moves = Moves()

    def __call__(self, state: State, event: Event) -> None:
        handle = _HANDLERS.get(type(event))
        if handle is not None:
            handle(self, state, event)

    def metrics(self, state: State) -> Metrics:
        """The figures of the run so far."""
        scenario, makespan_s = self._scenario, makespan(self._finished.values())
        cluster, workers = scenario.cluster_spec(), self._occupancy.workers
        busy, segments = self._occupancy.busy_s, self._occupancy.segments
        present = {worker: self._occupancy.present_s(worker, self._end_s) for worker in workers}
        busy_s = sum(busy.values())
        bounds = _bounds(state, scenario, workers.values())
        trials = state.trials.values()
        jcts = [trial.completed - trial.arrived for trial in trials if trial.completed is not None]
        mean_jct_s = mean_jct(jcts)
        fairness = _fairness(state, scenario, workers.values())
        return Metrics(
            strategy=state.run.strategy if state.run else "",
            seed=state.run.seed if state.run else 0,
            makespan_s=makespan_s,
            bound_s=bounds.makespan_s,
            bound_ratio=_ratio(makespan_s, bounds.makespan_s),
            workers_bound_s=bounds.on_workers_s,
            workers_bound_ratio=_ratio(makespan_s, bounds.on_workers_s),
            mean_jct_s=mean_jct_s,
            p99_jct_s=p99_jct(jcts),
            jct_bound_s=bounds.jct_s,
            jct_bound_ratio=_ratio(mean_jct_s, bounds.jct_s),
            best_accuracy=best_accuracy(state.best_score.values()),
            time_to_target_s=time_to_target(self._reached.values()),
            accuracy_at_deadline=accuracy_at(self._in_time, scenario.metrics.deadline_s),
            utilisation=utilisation(busy.values(), present.values()),
            wasted_s=self._wasted_s,
            wasted_fraction=wasted_fraction(self._wasted_s, busy_s),
            staleness=self._staleness(state.now),
            finish_time_fairness=max(fairness, default=None),
            mean_finish_time_fairness=fmean(fairness) if fairness else None,
            preemptions=self._moves.preemptions,
            migrations=self._moves.migrations,
            cores_used=sum(worker.cores for worker in workers.values()),
            cores=sum(node.cores for node in cluster),
            gpus_used=sum(worker.gpu_share for worker in workers.values()),
            gpus=sum(node.gpus for node in cluster),
            iterations=sum(trial.iterations for trial in trials),
            segments=state.segments,
            lost_segments=self._lost,
            exploits=sum(trial.exploits for trial in trials),
            completed=len(jcts),
            trials=len(trials),
            workers={w: WorkerMetrics(busy[w], utilisation([busy[w]], [present[w]]), segments[w]) for w in workers},
        )

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
        target = self._scenario.metrics.target_accuracy
        if target is None:
            target = experiment.stop_accuracy
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
        self._moves.start(event.time, event.trial, (event.worker, *event.others))

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
        if target is not None and score >= target:
            self._reached[experiment] = time
            del self._targets[experiment]
        deadline_s = self._scenario.metrics.deadline_s
        if deadline_s is not None and time <= deadline_s:
            self._in_time.append((time, score))

    def _segment_lost(self, state: State, event: SegmentLost) -> None:
        self._lost += 1
        self._end_s = event.time
        self._wasted_s += self._occupancy.end(event)

    def _checkpoint_lost(self, state: State, event: CheckpointLost) -> None:
        """The segments since the checkpoint that is left, if any, were in vain."""
        trial = state.trials[event.trial]
        trained = self._trained[trial.id]
        before = trained[-1][0] if trained else 0
        while trained and trained[-1][0] > trial.iterations:
            self._wasted_s += trained.pop()[1]
        lag = self._lags.get(trial.experiment)
        if lag is not None:
            lag.advance(event.time, trial.iterations - before, state.lead[trial.experiment])

    def _trial_completed(self, state: State, event: TrialCompleted) -> None:
        trial = state.trials[event.trial]
        self._moves.complete(trial.id)
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
    TrialCompleted: Measurement._trial_completed,
}


class _Bounds(NamedTuple):
    makespan_s: float | None
    on_workers_s: float | None
    jct_s: float | None


def _bounds(state: State, scenario: Scenario, workers: Iterable[Worker]) -> _Bounds:
    times = scenario.times
    jobs, own = jobs_done(state), worker_devices(workers)
    try:
        makespan = makespan_bound(jobs, cluster_devices(scenario.cluster_spec(), times), times)
        # What no schedule under any allocation can beat, none on these workers can.
        on_workers = max(makespan, makespan_bound(jobs, own, times))
        return _Bounds(makespan, on_workers, jct_bound(jobs_done(state, completed=True), own, times))
    except InputError:  # a real run needs no profile
        return _Bounds(None, None, None)


def _fairness(state: State, scenario: Scenario, workers: Iterable[Worker]) -> list[float]:
    """The finish-time fairness of every completed experiment; of none where there is one only."""
    if len(state.experiments) < 2:
        return []
    populations: defaultdict[ExperimentId, list[Trial]] = defaultdict(list)
    for trial in state.trials.values():
        populations[trial.experiment].append(trial)
    devices, share = worker_devices(workers), 1 / len(state.experiments)
    ratios = []
    for name, trials in populations.items():
        ends = [trial.completed for trial in trials if trial.completed is not None]
        experiment = state.experiments[name]
        jobs = Counter(Job(t.kind, t.iterations, experiment.devices, 0.0, experiment.gang) for t in trials)
        try:
            fair_s = makespan_bound(jobs, devices, scenario.times, share)
        except InputError:  # a real run needs no profile
            return []
        if len(ends) == len(trials) and fair_s:
            ratios.append(finish_time_fairness(max(ends) - trials[0].arrived, fair_s))
    return ratios


def _ratio(value: float | None, bound: float | None) -> float | None:
    return value / bound if value is not None and bound else None


def measure(events: Iterable[Event], scenario: Scenario) -> Metrics:
    """The metrics of the events of a run of the scenario."""
    state, measurement = State(), Measurement(scenario)
    for event in events:
        state.apply(event)
        measurement(state, event)
    return measurement.metrics(state)


def measure_log(path: Path, scenario: Scenario) -> Metrics:
    """The metrics of a log file."""
    return measure(read_log(path), scenario)
