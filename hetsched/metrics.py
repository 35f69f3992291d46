"""What a run came to: log -> numbers. Every metric is defined here, once."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from hetsched.bounds import cluster_devices, jobs_done, makespan_bound
from hetsched.cluster import Worker, WorkerId
from hetsched.errors import InputError
from hetsched.events import Event, SegmentEnded, SegmentLost, SegmentStarted, WorkerJoined, read_log
from hetsched.scenario import Scenario
from hetsched.state import State


class WorkerMetrics(Struct, frozen=True):
    """Seconds in segments, that as a fraction of the makespan, and segments finished."""

    busy_s: float
    utilisation: float
    segments: int


class Metrics(Struct, frozen=True):
    """The figures of one run.

    - makespan_s: start of the run to the end of its last segment
    - bound_s: what no schedule of the iterations that this run trained can beat on average (`hetsched.bounds`: no
      overheads, mean step times, in hindsight where trials stopped on accuracy); None where the
      profile knows no step time for some trial
    - bound_ratio: makespan_s / bound_s
    - best_accuracy: the best score that any trial reported
    - utilisation: seconds that workers spent in segments / (workers x makespan_s); lost segments count
    - cores_used, gpus_used: what is in workers; cores, gpus: what the cluster has
    - iterations, segments: trained and checkpointed; lost_segments: begun and broken
    - exploits: times that PBT copied one trial over another
    - completed: trials that reached their stop rule; trials: all trials
    """

    strategy: str
    seed: int
    makespan_s: float
    bound_s: float | None
    bound_ratio: float | None
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
    started: dict[WorkerId, float] = {}
    seen: dict[WorkerId, Worker] = {}
    for event in events:
        state.apply(event)
        match event:
            case SegmentStarted():
                started[event.worker] = event.time
            case SegmentEnded():
                busy[event.worker] += event.time - started[event.worker]
                segments[event.worker] += 1
                makespan = event.time
            case SegmentLost():
                busy[event.worker] += event.time - started[event.worker]
                lost += 1
            case WorkerJoined():
                seen[event.worker.id] = event.worker
    cluster = scenario.cluster_spec()
    try:
        bound = makespan_bound(jobs_done(state), cluster_devices(cluster, scenario.times), scenario.times)
    except InputError:  # a real run needs no profile
        bound = None
    trials = state.trials.values()
    span = makespan or 1.0
    return Metrics(
        strategy=state.run.strategy if state.run else "",
        seed=state.run.seed if state.run else 0,
        makespan_s=makespan,
        bound_s=bound,
        bound_ratio=makespan / bound if bound else None,
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


def measure_log(path: Path, scenario: Scenario) -> Metrics:
    """The metrics of a log file."""
    return measure(read_log(path), scenario)
