"""Least attained service."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import isfinite

from hetsched.core.decisions import Dispatch
from hetsched.core.kept_orders import KeptOrder, Place
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.rounding import ROUNDING
from hetsched.domain.workload import TrialId
from hetsched.scheduling import register
from hetsched.scheduling.queueing.in_order import serve


@dataclass(slots=True)
class Service:
    """The seconds that a trial has run, and waited after its first segment, since it last entered
    the highest queue (0). `since` is the start of its segment. While the trial waits, `since` is
    the end of its last segment, or its promotion if that was later."""

    queue: int
    entered: float
    since: float
    executed_s: float = 0.0
    waited_s: float = 0.0
    runs: bool = False


@register("las")
class LeastAttainedService:
    """Tiresias without prior knowledge: trials that have had little service go first, in
    discretised queues.

    Discretised two-dimensional least attained service (Gu et al., "Tiresias", NSDI'19, section
    4.2). A trial's attained service is the worker-seconds of its segments: seconds x workers of its
    gang. Its queue is the number of thresholds that its service has reached. So trials start in the
    highest queue, 0, and are demoted. Higher queues go first. Inside a queue it is first in, first
    out, by the time at which the trial entered the queue, then by `Trial.index`.

    A trial starts again in the highest queue, with both counts at 0, if it has waited long enough:
    since its first segment, at least `promote_knob` times as long as it was executed.

    - `thresholds_s` are worker-seconds, ascending, separated by commas. Two queues are the
      published setting. Their threshold of 3,250 GPU-seconds (Tiresias' simulator; 16 GPU-hours in
      AdaptDL's) is for jobs of hours. The default, 300, is for trials of minutes.
    - `promote_knob` is 8 in Tiresias' simulator (`dlas-gpu-8`). 0: no promotion, as in AdaptDL's
      simulator.

    Service counts from what the policy has seen. A policy that is new to a run (a resume) starts
    from 0.
    """

    preempts_at_checkpoints = True
    takes_turns = True
    service_thresholds = "thresholds_s"

    def __init__(self, thresholds_s: str | float = "300", promote_knob: float = 8.0) -> None:
        self._thresholds = _ascending(thresholds_s)
        if not promote_knob >= 0 or not isfinite(promote_knob):
            raise ValueError(f"promote_knob must be a number of at least 0, not {promote_knob}")
        self._knob = promote_knob
        self._services: dict[TrialId, Service] = {}
        self._promotions: list[tuple[float, TrialId]] = []  # when waiting trials should be promoted, the soonest first

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        order = state.ordered(self._place)
        self._promote_all(state, order)
        decisions = list(serve(state, order))
        for decision in decisions:
            self._start(state.trials[decision.trial], state.now)
        return decisions

    def _place(self, state: StateView, trial: Trial) -> Place:
        """The trial's queue, and its place in it, when it begins to wait. Its last segment counts
        from now on."""
        service = self._services.get(trial.id)
        if service is None:
            return 0, trial.arrived, trial.index
        if service.runs:
            service.runs = False
            ended = trial.ready_since  # before now, if no worker was idle and the policy was not asked
            service.executed_s += ended - service.since
            service.since = ended
            attained = service.executed_s * state.experiment(trial).gang
            self._move(service, bisect_right(self._thresholds, attained), ended)
        if self._knob and service.queue:
            heappush(self._promotions, (self._promoted_at(service), trial.id))
        return service.queue, service.entered, trial.index

    def _promoted_at(self, service: Service) -> float:
        return service.since + self._knob * service.executed_s - service.waited_s

    def _promote_all(self, state: StateView, order: KeptOrder) -> None:
        """Put the starved trials into the highest queue, in any order."""
        soon = state.now + ROUNDING * (1 + state.now)
        early = []
        while self._promotions and self._promotions[0][0] <= soon:
            name = heappop(self._promotions)[1]
            service, trial = self._services[name], state.trials[name]
            if trial not in order or not service.queue or self._promoted_at(service) > soon:
                continue  # it has run since; if it waits again, `_place` has added its promotion
            if service.waited_s + state.now - service.since >= self._knob * service.executed_s:
                self._move(service, 0, state.now)
                service.executed_s = service.waited_s = 0.0
                service.since = state.now
                order.put(trial, (service.queue, service.entered, trial.index))
            else:
                early.append((self._promoted_at(service), name))
        for promotion in early:
            heappush(self._promotions, promotion)

    def _move(self, service: Service, queue: int, now: float) -> None:
        if queue != service.queue:
            service.queue = queue
            service.entered = now

    def _start(self, trial: Trial, now: float) -> None:
        service = self._services.setdefault(trial.id, Service(0, trial.arrived, now))
        service.waited_s += now - service.since
        service.since = now
        service.runs = True


def _ascending(thresholds_s: str | float) -> list[float]:
    try:
        values = [float(part) for part in str(thresholds_s).split(",")]
    except ValueError:
        values = []
    if not values or not all(map(isfinite, values)) or sorted(set(values)) != values or values[0] <= 0:
        raise ValueError(f"thresholds_s must be ascending seconds such as '300' or '60, 600', not {thresholds_s!r}")
    return values
