"""What a run came to: log -> numbers. Every metric is defined here, once."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from msgspec import Struct

from hetsched.bounds import cluster_devices, jct_bound, jobs_done, makespan_bound, worker_devices
from hetsched.cluster import Worker, WorkerId
from hetsched.errors import InputError
from hetsched.events import Event, SegmentEnded, SegmentLost, SegmentStarted, WorkerJoined, read_log
from hetsched.scenario import Scenario
from hetsched.state import State
from hetsched.workload import TrialId


class WorkerMetrics(Struct, frozen=True):
    """Seconds in segments, that as a fraction of the makespan, and segments finished. A gang's segment counts for each
    of its workers."""

    busy_s: float
    utilisation: float
    segments: int


class Metrics(Struct, frozen=True):
    """The figures of one run.

    - makespan_s: start of the run to the end of its last segment
    - bound_s: what no schedule of the iterations that this run trained can beat on average, under any allocation
      (`hetsched.bounds`: no overheads, mean step times, in hindsight where trials stopped on accuracy)
    - workers_bound_s: the same on the workers of this run
    - bound_ratio, workers_bound_ratio: makespan_s / that bound
    - mean_jct_s: mean over the completed trials of completion minus arrival; a trial that the policy stopped is
      completed then. None where there is none
    - jct_bound_s: what no schedule of their iterations on the workers of this run can beat in mean_jct_s
    - jct_bound_ratio: mean_jct_s / jct_bound_s
    - best_accuracy: the best score that any trial reported
    - utilisation: seconds that workers spent in segments / (workers x makespan_s); lost segments count
    - cores_used, gpus_used: what is in workers; cores, gpus: what the cluster has
    - iterations, segments: trained and checkpointed; lost_segments: begun and broken
    - exploits: times that PBT copied one trial over another
    - completed: trials that reached their stop rule or were stopped; trials: all trials

    Bounds are None where the profile knows no step time for some trial.
    """

    strategy: str
    seed: int
    makespan_s: float
    bound_s: float | None
    bound_ratio: float | None
    workers_bound_s: float | None
    workers_bound_ratio: float | None
    mean_jct_s: float | None
    jct_bound_s: float | None
    jct_bound_ratio: float | None
    best_accuracy: float
    utilisation: float
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


def measure(events: Iterable[Event], scenario: Scenario) -> Metrics:
    """The metrics of a log of a run of the scenario."""
    state = State()
    makespan = 0.0
    lost = 0
    busy: defaultdict[WorkerId, float] = defaultdict(float)
    segments: defaultdict[WorkerId, int] = defaultdict(int)
    running: dict[TrialId, SegmentStarted] = {}
    seen: dict[WorkerId, Worker] = {}
    for event in events:
        state.apply(event)
        match event:
            case SegmentStarted():
                running[event.trial] = event
            case SegmentEnded() | SegmentLost():
                start = running.pop(event.trial)
                for worker in (start.worker, *start.others):
                    busy[worker] += event.time - start.time
                    segments[worker] += isinstance(event, SegmentEnded)
                if isinstance(event, SegmentEnded):
                    makespan = event.time
                else:
                    lost += 1
            case WorkerJoined():
                seen[event.worker.id] = event.worker
    cluster = scenario.cluster_spec()
    bounds = _bounds(state, scenario, seen.values())
    trials = state.trials.values()
    span = makespan or 1.0
    jcts = [trial.completed - trial.arrived for trial in trials if trial.completed is not None]
    mean_jct = fmean(jcts) if jcts else None
    return Metrics(
        strategy=state.run.strategy if state.run else "",
        seed=state.run.seed if state.run else 0,
        makespan_s=makespan,
        bound_s=bounds.makespan_s,
        bound_ratio=_ratio(makespan, bounds.makespan_s),
        workers_bound_s=bounds.on_workers_s,
        workers_bound_ratio=_ratio(makespan, bounds.on_workers_s),
        mean_jct_s=mean_jct,
        jct_bound_s=bounds.jct_s,
        jct_bound_ratio=_ratio(mean_jct, bounds.jct_s),
        best_accuracy=max(state.best_score.values(), default=0.0),
        utilisation=sum(busy.values()) / (len(seen) or 1) / span,
        cores_used=sum(worker.cores for worker in seen.values()),
        cores=sum(node.cores for node in cluster),
        gpus_used=sum(worker.gpu_share for worker in seen.values()),
        gpus=sum(node.gpus for node in cluster),
        iterations=sum(trial.iterations for trial in trials),
        segments=state.segments,
        lost_segments=lost,
        exploits=sum(trial.exploits for trial in trials),
        completed=sum(trial.completed is not None for trial in trials),
        trials=len(trials),
        workers={w: WorkerMetrics(busy[w], busy[w] / span, segments[w]) for w in seen},
    )


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


def _ratio(value: float | None, bound: float | None) -> float | None:
    return value / bound if value is not None and bound else None


def measure_log(path: Path, scenario: Scenario) -> Metrics:
    """The metrics of a log file."""
    return measure(read_log(path), scenario)
