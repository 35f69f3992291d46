"""Synchronous Population-Based Training."""

from collections.abc import Hashable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import takewhile
from math import inf

from hetsched.core.decisions import Dispatch
from hetsched.core.kept_orders import KeptOrder, Place
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.scheduling import register
from hetsched.scheduling.progress import progress
from hetsched.scheduling.queueing.in_order import serve


@register("pbt-sync")
class SynchronousPBT:
    """The least advanced trial, but no trial starts an interval before its whole population has
    done the last one.

    This is the synchronous twin of `least-progress`: Ray Tune's
    `PopulationBasedTraining(synch=True)`. Its `choose_trial_to_run` offers only trials that have
    not reached the next common perturbation time. A trial may start interval k + 1 when every
    unfinished trial of its population has done k intervals. So workers idle at the barrier until
    the slowest trial arrives. Experiments without PBT have no barrier.

    In Ray the exploits of all trials happen at the barrier, in a ranking of scores of equal age.
    Here PBT looks at a trial at the end of the trial's own segment, as under any other policy. The
    difference from `least-progress` is when trials run. The ranked scores are then at most one
    interval apart.
    """

    def __init__(self) -> None:
        self._started: dict[Hashable, list[tuple[int, TrialId]]] | None = None
        self._state: StateView | None = None

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        if self._started is None:  # in a run that goes on, some trials run already
            self._started = {}
            self._note(state, map(state.trials.__getitem__, state.running))
        decisions = list(serve(state, self._admitted(state)))
        self._note(state, (state.trials[decision.trial] for decision in decisions))
        return decisions

    def _note(self, state: StateView, started: Iterable[Trial]) -> None:
        assert self._started is not None
        for trial in started:
            if population := _population(state, trial):
                heappush(self._started.setdefault(population, []), (_intervals(state, trial), trial.id))

    def _admitted(self, state: StateView) -> Iterator[Trial]:
        """The ready trials that are not ahead of the least advanced unfinished trial of their
        population. The least advanced one comes first. It merges the populations, and looks at a
        population when its first trial is due."""
        firsts, coming = iter(self._up_to_date(state)), list[tuple[Place, Trial, Iterator[Trial]]]()
        first = next(firsts, None)
        while first is not None or coming:
            if first is not None and (not coming or progress(state, first) < coming[0][0]):
                left = self._in_step(state, first)
                first = next(firsts, None)
            else:
                _, trial, left = heappop(coming)
                yield trial
            if (following := next(left, None)) is not None:
                heappush(coming, (progress(state, following), following, left))

    def _up_to_date(self, state: StateView) -> KeptOrder:
        """The first waiting trial of each population."""
        if state is not self._state:
            self._state, self._changes, self._firsts = state, 0, KeptOrder(state.trials)
            self._first: dict[Hashable, TrialId] = {}
        changed, self._changes = state.changed_since(self._changes), state.changes
        waiting = state.grouped(_population, progress)
        for population in dict.fromkeys(_population(state, trial) for trial in changed):
            if population in self._first:
                self._firsts.drop(self._first.pop(population))
            if population in waiting:
                first = waiting[population][0]
                self._first[population] = first.id
                self._firsts.put(first, progress(state, first))
        return self._firsts

    def _in_step(self, state: StateView, first: Trial) -> Iterator[Trial]:
        """The waiting trials of the population of `first` that may start."""
        population = _population(state, first)
        barrier = min(self._slowest(state, population), _intervals(state, first)) if population else inf
        waiting = state.grouped(_population, progress)[population]
        return takewhile(lambda trial: _intervals(state, trial) <= barrier, waiting)

    def _slowest(self, state: StateView, population: Hashable) -> float:
        """The intervals of the least advanced running trial of the population. Infinity: none is
        running."""
        assert self._started is not None
        started = self._started.get(population, [])
        while started:
            done, name = started[0]
            if name in state.running and _intervals(state, state.trials[name]) == done:
                return done
            heappop(started)
        return inf


def _population(state: StateView, trial: Trial) -> ExperimentId:
    """The experiment whose barrier holds the trial; "" if there is none."""
    return trial.experiment if state.experiment(trial).pbt is not None else ExperimentId("")


def _intervals(state: StateView, trial: Trial) -> int:
    return trial.iterations // state.experiment(trial).interval
