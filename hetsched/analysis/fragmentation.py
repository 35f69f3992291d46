"""GPUs that idle in pieces which no waiting trial can take."""

from collections import Counter
from typing import NamedTuple

from hetsched.core.events import (
    Event,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.state import State
from hetsched.domain.cluster import DeviceType, WorkerId, WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment, TrialId, TrialKind


class Demand(NamedTuple):
    """What a trial needs of workers: how many of one type, and on which devices (None: any). For a
    gang also its kinds; the profile must know one of them."""

    gang: int
    devices: frozenset[DeviceType] | None
    kinds: frozenset[TrialKind]

    @classmethod
    def of(cls, experiment: Experiment) -> "Demand":
        devices = None if experiment.devices is None else frozenset(experiment.devices)
        return cls(experiment.gang, devices, frozenset(experiment.kinds) if experiment.gang > 1 else frozenset())

    def fits(self, worker: WorkerType, idle: int, times: StepTimes) -> bool:
        """Whether this number of idle workers of the type is enough."""
        if idle < self.gang or (self.devices is not None and worker.device not in self.devices):
            return False
        known = (times.seconds_per_iteration(kind, worker.gang(self.gang)) for kind in self.kinds)
        return self.gang == 1 or any(seconds is not None for seconds in known)


class Fragmentation:
    """Follows a run. It must be called with the state and every event, after the event was applied
    to the state.

    An event costs steps for its own workers only, however many the cluster has.
    """

    def __init__(self, times: StepTimes) -> None:
        self._times = times
        self._waiting: Counter[Demand] = Counter()
        self._teams: dict[TrialId, tuple[WorkerId, ...]] = {}
        self._idle: dict[WorkerId, WorkerType] = {}
        self._of_type: Counter[WorkerType] = Counter()
        self._fits: dict[tuple[Demand, WorkerType, int], bool] = {}
        self._now = self._idle_s = self._stuck_s = 0.0

    @property
    def share(self) -> float | None:
        """Of the GPU seconds that were idle while trials waited, the share that these trials could
        not use. None: no GPU was idle then."""
        return self._stuck_s / self._idle_s if self._idle_s else None

    def __call__(self, state: State, event: Event) -> None:
        if event.time > self._now:
            self._pass_time(event.time - self._now)
            self._now = event.time
        match event:
            case TrialAdded() | SegmentEnded() | SegmentLost():
                self._count(state, event, 1)
            case SegmentStarted() | TrialCompleted():
                self._count(state, event, -1)
        match event:
            case WorkerJoined():
                self._look(state, event.worker.id)
            case WorkerLeft() | WorkerDraining():
                self._look(state, event.worker)
            case SegmentStarted():
                self._teams[event.trial] = team = (event.worker, *event.others)
                self._look(state, *team)
            case SegmentEnded() | SegmentLost():
                self._look(state, *self._teams.pop(event.trial))

    def _count(
        self, state: State, event: TrialAdded | SegmentStarted | SegmentEnded | SegmentLost | TrialCompleted, by: int
    ) -> None:
        demand = Demand.of(state.experiments[state.trials[event.trial].experiment])
        self._waiting[demand] += by
        if not self._waiting[demand]:
            del self._waiting[demand]

    def _look(self, state: State, *workers: WorkerId) -> None:
        """Which of these workers are idle GPUs now."""
        for worker in workers:
            idle, before = state.idle.get(worker), self._idle.pop(worker, None)
            if before is not None:
                self._of_type[before] -= 1
            if idle is not None and idle.gpu_share:
                self._idle[worker] = idle.type
                self._of_type[idle.type] += 1

    def _pass_time(self, seconds: float) -> None:
        waiting = self._waiting.total()
        if not waiting or not self._idle:
            return
        for worker, idle in self._of_type.items():
            gpu_s = idle * worker.gpu_share * seconds
            stuck = sum(count for demand, count in self._waiting.items() if not self._fit(demand, worker, idle))
            self._idle_s += gpu_s
            self._stuck_s += gpu_s * stuck / waiting

    def _fit(self, demand: Demand, worker: WorkerType, idle: int) -> bool:
        key = (demand, worker, idle)
        if key not in self._fits:
            self._fits[key] = demand.fits(*key[1:], self._times)
        return self._fits[key]
