"""The rule of HRFS, the predecessor: fast workers catch up the stragglers, slow ones push the leader."""

from collections.abc import Container, Iterable
from functools import lru_cache
from math import ceil, floor, inf

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Timing, Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.workload import TrialId
from hetsched.scheduling import register


@register("hrfs")
class HRFS:
    """Heterogeneous Resource Fusion Scheduling: slow workers take half intervals of the most advanced trials.

    The rule of HRFS, the predecessor of hetsched (github.com/ncue-e107, "Optimization of Heterogeneous
    Resource Allocation and Task Scheduling Strategies for Deep Learning", main.py). The slowness of a worker w
    is unknown until its first segment has ended, then

        a   = ceil(first interval time of w / fastest first interval time so far)
        a_w = a + sum over the workers v measured before w of floor(a / a_v)

    With lag = sum over the waiting trials of ceil((lead iteration - iteration) / interval), a worker that is
    unknown or has a_w > lag is slow: it takes the most advanced waiting trial for half an interval, or nothing
    if a_w > (stop iteration - lead iteration) / interval x population or if the stop score has been
    reached. Any other worker takes the least advanced waiting trial for a whole interval. If that would leave
    everything idle, the fastest idle worker takes the least advanced trial.
    """

    single_workers_only = True  # it does not place gangs

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        slowness = self.slowness(state)
        taken: set[TrialId] = set()
        decisions = []
        for worker in state.idle_workers:
            a = slowness.get(worker.id)
            fast = a is not None and self._lags(state, taken, a)
            order = state.ready_trials if fast else reversed(state.ready_trials)
            usable = (trial for trial in order if trial.id not in taken and state.usable(trial, worker))
            trial = next(usable, None)
            if trial is None or (not fast and self._spare(state, trial, a)):
                continue
            iterations = state.interval(trial)
            if not fast:
                iterations = min(max(1, self._interval(state, trial) // 2), state.remaining(trial))
            taken.add(trial.id)
            decisions.append(Dispatch(trial.id, worker.id, iterations))
        if not decisions and not state.running:
            return self._fastest(state, slowness)
        return decisions

    def _lags(self, state: StateView, taken: Container[TrialId], least: int) -> bool:
        """Whether the lag of the waiting trials, less those that are taken, is `least` at least: summed up from the
        least advanced trial on, no further than it takes to say so."""
        lag, alone = 0, len(state.experiments) == 1
        for trial in state.ready_trials:
            if trial.id not in taken:
                behind = ceil((state.lead[trial.experiment] - trial.iterations) / self._interval(state, trial))
                lag += behind
                if lag >= least:
                    return True
                if alone and not behind:  # nor are those that follow
                    return False
        return False

    def slowness(self, state: StateView) -> dict[WorkerId, int]:
        """a_w of every measured worker."""
        return dict(zip(state.first_segments, slownesses(tuple(state.first_segments.values())), strict=True))

    def _spare(self, state: StateView, trial: Trial, a: int | None) -> bool:
        """Whether a slow worker had better take nothing."""
        experiment = state.experiment(trial)
        target = experiment.stop_score
        if target is not None and experiment.metric.reached(state.best_score.get(experiment.id), target):
            return True
        intervals = (experiment.stop_iterations - state.lead[experiment.id]) / self._interval(state, trial)
        return a is not None and a > intervals * experiment.population

    def _fastest(self, state: StateView, slowness: dict[WorkerId, int]) -> list[Dispatch]:
        def rank(worker: Worker) -> float:
            return slowness.get(worker.id, inf)

        for worker in sorted(state.idle_workers, key=rank):
            for trial in state.ready_trials:
                if state.usable(trial, worker):
                    return [Dispatch(trial.id, worker.id, state.interval(trial))]
        return []

    def _interval(self, state: StateView, trial: Trial) -> int:
        return state.experiment(trial).interval


@lru_cache  # first segments are few, and asked about at every decision
def slownesses(first: tuple[Timing, ...]) -> list[int]:
    """a_w of the workers with these first segments, in the order in which they ended."""
    fastest = inf
    found: list[int] = []
    for timing in first:
        seconds = timing.seconds / timing.iterations
        fastest = min(fastest, seconds)
        a = ceil(seconds / fastest)
        found.append(a + sum(floor(a / a_v) for a_v in found))
    return found
