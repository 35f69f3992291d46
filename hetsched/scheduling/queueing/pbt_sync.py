"""Synchronous Population-Based Training."""

from collections.abc import Iterable, Iterator

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.workload import ExperimentId
from hetsched.scheduling import register
from hetsched.scheduling.queueing.in_order import serve


@register("pbt-sync")
class SynchronousPBT:
    """The least advanced trial, but no trial starts an interval before its whole population has done the last one.

    The synchronous twin of `least-progress`: Ray Tune's `PopulationBasedTraining(synch=True)`, whose
    `choose_trial_to_run` offers only trials that have not reached the next common perturbation time. A trial may start
    interval k + 1 when every trial of its population that is not finished has done k intervals, so workers idle at the
    barrier until the slowest trial arrives. Experiments without PBT have no barrier.

    In Ray the exploits of all trials happen at the barrier, in a ranking of scores of equal age. Here PBT looks at a
    trial at the end of the trial's own segment, under this policy as under any other: what differs from
    `least-progress` is when trials run. The ranked scores are then at most one interval apart.
    """

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return serve(state, self._admitted(state))

    def _admitted(self, state: StateView) -> Iterator[Trial]:
        """The ready trials that are not ahead of the least advanced unfinished trial of their population."""
        barrier: dict[ExperimentId, int] = {}
        whole: set[ExperimentId] = set()  # whose waiting trials count, too
        for name in state.running:
            trial = state.trials[name]
            done = _intervals(state, trial)
            barrier[trial.experiment] = min(done, barrier.get(trial.experiment, done))
        for trial in state.ready_trials:  # least advanced first, so an experiment's first is its least advanced one
            done = _intervals(state, trial)
            if trial.experiment not in whole:
                whole.add(trial.experiment)
                barrier[trial.experiment] = min(done, barrier.get(trial.experiment, done))
            if state.experiment(trial).pbt is None or done <= barrier[trial.experiment]:
                yield trial


def _intervals(state: StateView, trial: Trial) -> int:
    return trial.iterations // state.experiment(trial).interval
