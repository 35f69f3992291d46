"""The seed system's rule: fast workers catch up the stragglers, slow ones push the leader."""

from collections.abc import Iterable
from math import ceil, floor, inf

from hetsched.cluster import Worker, WorkerId
from hetsched.scheduling import register
from hetsched.scheduling.policy import Dispatch
from hetsched.state import Trial
from hetsched.view import StateView


@register("hrfs")
class HRFS:
    """Heterogeneous Resource Fusion Scheduling: slow workers take half intervals of the most advanced trials.

    The rule of the system that this project starts from (github.com/ncue-e107, "Optimization of Heterogeneous
    Resource Allocation and Task Scheduling Strategies for Deep Learning", main.py). The slowness of a worker w
    is unknown until its first segment has ended, then

        a   = ceil(first interval time of w / fastest first interval time so far)
        a_w = a + sum over the workers v measured before w of floor(a / a_v)

    With lag = sum over the waiting trials of ceil((lead iteration - iteration) / interval), a worker that is
    unknown or has a_w > lag is slow: it takes the most advanced waiting trial for half an interval, or nothing
    if a_w > (stop iteration - lead iteration) / interval x population or if the target accuracy has been
    reached. Any other worker takes the least advanced waiting trial for a whole interval. If that would leave
    everything idle, the fastest idle worker takes the least advanced trial.
    """

    single_workers_only = True  # it does not place gangs

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        slowness = self.slowness(state)
        waiting = list(state.ready_trials)
        decisions = []
        for worker in state.idle_workers:
            usable = [trial for trial in waiting if state.usable(trial, worker)]
            if not usable:
                continue
            lag = sum(
                ceil((state.lead[trial.experiment] - trial.iterations) / self._interval(state, trial))
                for trial in waiting
            )
            a = slowness.get(worker.id)
            if a is None or a > lag:
                trial = usable[-1]
                if self._spare(state, trial, a):
                    continue
                iterations = min(max(1, self._interval(state, trial) // 2), state.remaining(trial))
            else:
                trial = usable[0]
                iterations = state.interval(trial)
            waiting.remove(trial)
            decisions.append(Dispatch(trial.id, worker.id, iterations))
        if not decisions and not state.running:
            return self._fastest(state, slowness)
        return decisions

    def slowness(self, state: StateView) -> dict[WorkerId, int]:
        """a_w of every measured worker."""
        fastest = inf
        slowness: dict[WorkerId, int] = {}
        for worker, timing in state.first_segments.items():
            seconds = timing.seconds / timing.iterations
            fastest = min(fastest, seconds)
            a = ceil(seconds / fastest)
            slowness[worker] = a + sum(floor(a / a_v) for a_v in slowness.values())
        return slowness

    def _spare(self, state: StateView, trial: Trial, a: int | None) -> bool:
        """Whether a slow worker had better take nothing."""
        experiment = state.experiment(trial)
        target = experiment.stop_accuracy
        if target is not None and state.best_score.get(experiment.id, -inf) >= target:
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
