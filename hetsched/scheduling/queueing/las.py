"""Least attained service."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop
from math import isfinite

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.workload import TrialId
from hetsched.scheduling import register
from hetsched.scheduling.queueing.in_order import serve


@dataclass(slots=True)
class Service:
    """What a trial has had, in seconds, since it last entered the highest queue (0): running and, once it has run,
    waiting. `since` is when its segment started or, while it waits, ended."""

    queue: int
    entered: float
    since: float
    executed_s: float = 0.0
    waited_s: float = 0.0


@register("las")
class LeastAttainedService:
    """Tiresias without prior knowledge: trials that have had little service go first, in discretised queues.

    Discretised two-dimensional least attained service (Gu et al., "Tiresias", NSDI'19, section 4.2). A trial's attained
    service is the worker-seconds of its segments: seconds x workers of its gang. Its queue is the number of thresholds
    that its service has reached, so trials start in the highest queue, 0, and are demoted. Higher queues go first;
    inside a queue it is first in, first out, by the time at which the trial entered the queue, then by `Trial.index`.
    A trial that has waited, since its first segment, at least `promote_knob` times as long as it was executed starts
    again in the highest queue, with both counts at 0.

    `thresholds_s`: worker-seconds, ascending, separated by commas. Two queues are the published setting; their
    threshold of 3,250 GPU-seconds (Tiresias' simulator; 16 GPU-hours in AdaptDL's) is for jobs of hours. The default,
    300, is for trials of minutes. `promote_knob`: 8 (`dlas-gpu-8` of Tiresias' simulator); 0: no promotion, as in
    AdaptDL's.

    Service counts from what the policy was shown: a policy that is new to a run (a resume) starts from 0.
    """

    preempts_at_checkpoints = True

    def __init__(self, thresholds_s: str | float = "300", promote_knob: float = 8.0) -> None:
        self._thresholds = _ascending(thresholds_s)
        if not promote_knob >= 0 or not isfinite(promote_knob):
            raise ValueError(f"promote_knob must be a number of at least 0, not {promote_knob}")
        self._knob = promote_knob
        self._services: dict[TrialId, Service] = {}
        self._running: dict[TrialId, None] = {}

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        self._look(state)
        decisions = list(serve(state, self._order(state)))
        for decision in decisions:
            self._start(state.trials[decision.trial], state.now)
        return decisions

    def _look(self, state: StateView) -> None:
        """Count the service of the segments that have ended, and demote."""
        for name in [name for name in self._running if name not in state.running]:
            del self._running[name]
            trial, service = state.trials[name], self._services[name]
            ended = trial.ready_since  # before now, where the policy was not asked as no worker was idle
            service.executed_s += ended - service.since
            service.since = ended
            attained = service.executed_s * state.experiment(trial).gang
            self._move(service, bisect_right(self._thresholds, attained), ended)
            if trial.completed is not None:
                del self._services[name]

    def _order(self, state: StateView) -> Iterator[Trial]:
        """The ready trials by queue, then by their place in it."""
        heap = []
        for trial in state.ready_trials:
            service = self._services.get(trial.id)
            if service is None:
                heap.append((0, trial.arrived, trial.index, trial))
            else:
                self._promote(service, state.now)
                heap.append((service.queue, service.entered, trial.index, trial))
        heapify(heap)
        while heap:
            yield heappop(heap)[-1]

    def _promote(self, service: Service, now: float) -> None:
        waited = service.waited_s + now - service.since
        if self._knob and service.queue and waited >= self._knob * service.executed_s:
            self._move(service, 0, now)
            service.executed_s = service.waited_s = 0.0
            service.since = now

    def _move(self, service: Service, queue: int, now: float) -> None:
        if queue != service.queue:
            service.queue = queue
            service.entered = now

    def _start(self, trial: Trial, now: float) -> None:
        service = self._services.setdefault(trial.id, Service(0, trial.arrived, now))
        service.waited_s += now - service.since
        service.since = now
        self._running[trial.id] = None


def _ascending(thresholds_s: str | float) -> list[float]:
    try:
        values = [float(part) for part in str(thresholds_s).split(",")]
    except ValueError:
        values = []
    if not values or not all(map(isfinite, values)) or sorted(set(values)) != values or values[0] <= 0:
        raise ValueError(f"thresholds_s must be ascending seconds such as '300' or '60, 600', not {thresholds_s!r}")
    return values
