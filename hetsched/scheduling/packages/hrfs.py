"""The rule of HRFS, the predecessor of hetsched: fast workers advance the stragglers, slow workers
the leader."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from math import ceil, inf

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.profiles import LEAST_STEP_S
from hetsched.domain.rounding import ROUNDING
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.scheduling import register


@register("hrfs")
class HRFS:
    """Heterogeneous Resource Fusion Scheduling: slow workers take half intervals of the most
    advanced trials.

    This is the rule of HRFS, the predecessor of hetsched (github.com/ncue-e107, "Optimization of
    Heterogeneous Resource Allocation and Task Scheduling Strategies for Deep Learning", main.py).
    The slowness of a worker w is unknown until its first segment has ended. Then it is a_w:

        a   = ceil(first interval time of w / fastest first interval time so far)
        a_w = a + sum over the workers v measured before w of floor(a / a_v)

    The lag is the sum over the waiting trials of ceil((lead iteration - iteration) / interval).

    - A worker is slow if it is unknown or has a_w > lag. It takes the most advanced waiting trial
      for half an interval. It takes nothing if a_w > (stop iteration - lead iteration) / interval x
      population, or if the stop score has been reached.
    - Any other worker takes the least advanced waiting trial for a whole interval.
    - If that would leave all workers idle, the fastest idle worker takes the least advanced trial.
    """

    single_workers_only = True  # it does not place gangs

    def __init__(self) -> None:
        self._slowness = Slowness()

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        slowness = self.slowness(state)
        lag = self._lag(state)
        taken: set[TrialId] = set()
        decisions = []
        for worker in state.idle_workers:
            a = slowness.get(worker.id)
            fast = a is not None and a <= lag
            order = state.ready_trials if fast else reversed(state.ready_trials)
            usable = (trial for trial in order if trial.id not in taken and state.usable(trial, worker))
            trial = next(usable, None)
            if trial is None or (not fast and self._spare(state, trial, a)):
                continue
            iterations = state.interval(trial)
            if not fast:
                iterations = min(max(1, self._interval(state, trial) // 2), state.remaining(trial))
            taken.add(trial.id)
            lag -= self._behind(state, trial.experiment, trial.iterations)
            decisions.append(Dispatch(trial.id, worker.id, iterations))
        if not decisions and not state.running:
            return self._fastest(state, slowness)
        return decisions

    def _lag(self, state: StateView) -> int:
        """The sum of the lags of all waiting trials, by their iterations."""
        alike = state.grouped(_progress, _index).values()
        return sum(len(trials) * self._behind(state, trials[0].experiment, trials[0].iterations) for trials in alike)

    def _behind(self, state: StateView, experiment: ExperimentId, iterations: int) -> int:
        """How many intervals, rounded up, a trial with these iterations is behind the lead of its
        experiment."""
        return ceil((state.lead[experiment] - iterations) / state.experiments[experiment].interval)

    def slowness(self, state: StateView) -> Mapping[WorkerId, int]:
        """a_w of every measured worker."""
        return self._slowness.of(state)

    def _spare(self, state: StateView, trial: Trial, a: int | None) -> bool:
        """Whether a slow worker should take nothing."""
        experiment = state.experiment(trial)
        target = experiment.stop_score
        if target is not None and experiment.metric.reached(state.best_score.get(experiment.id), target):
            return True
        rest = (experiment.stop_iterations - state.lead[experiment.id]) * experiment.population
        return a is not None and a * self._interval(state, trial) > rest

    def _fastest(self, state: StateView, slowness: Mapping[WorkerId, int]) -> list[Dispatch]:
        def rank(worker: Worker) -> float:
            return slowness.get(worker.id, inf)

        for worker in sorted(state.idle_workers, key=rank):
            for trial in state.ready_trials:
                if state.usable(trial, worker):
                    return [Dispatch(trial.id, worker.id, state.interval(trial))]
        return []

    def _interval(self, state: StateView, trial: Trial) -> int:
        return state.experiment(trial).interval


class Slowness:
    """a_w of the workers, in the order in which their first segments ended. Each is computed
    once."""

    def __init__(self) -> None:
        self._state: StateView | None = None

    def of(self, state: StateView) -> Mapping[WorkerId, int]:
        if state is not self._state:
            self._state, self._fastest = state, inf
            self._found: dict[WorkerId, int] = {}
            self._counts: Counter[int] = Counter()
        for worker, first in islice(state.first_segments.items(), len(self._found), None):
            seconds = max(first.seconds / first.iterations, LEAST_STEP_S)
            self._fastest = min(self._fastest, seconds)
            a = ceil(seconds / self._fastest - ROUNDING)
            a_w = a + sum(a // a_v * workers for a_v, workers in self._counts.items())
            self._found[worker] = a_w
            self._counts[a_w] += 1
        return self._found


def _progress(state: StateView, trial: Trial) -> tuple[ExperimentId, int]:
    """The key of trials with equal lag: trials of one experiment with equal iterations."""
    return trial.experiment, trial.iterations


def _index(_: StateView, trial: Trial) -> tuple[int]:
    return (trial.index,)
