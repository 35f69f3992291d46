"""Packages of trials that one worker works off: what `era` and `eta` share."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.scheduling.free_workers import FreeWorkers

Stage = tuple[ExperimentId, int]
"""One interval of a whole population: the experiment and the number of the interval."""


@dataclass(slots=True)
class Package:
    """The trials of the stage that a worker still has to train; it is its `number`-th package of the stage, from 1."""

    stage: Stage
    number: int
    trials: deque[TrialId] = field(default_factory=deque)


class PackagePolicy(ABC):
    """A free worker takes a package of waiting trials and trains one after the other, an interval each.

    A stage is one interval of a whole population. A worker without a package takes one from the stage of the least
    advanced trial that waits and is in no package, the least advanced trials first. There is no barrier between stages:
    while others are still at their packages, a worker goes on with trials that have finished theirs. Nobody else trains
    the trials of a package, unless its worker leaves: then they wait again.

    The speed score of a worker is its speed by that of the slowest worker that the trial may run on, by what is known
    of the step time of the first trial of the package; a worker of unknown speed counts as the slowest.
    """

    def __init__(self) -> None:
        self._packages: dict[WorkerId, Package] = {}
        self._workers: list[WorkerId] = []

    @abstractmethod
    def size(self, worker: Worker, scores: Mapping[WorkerId, float], waiting: int, taken: int) -> int:
        """How many of the stage's `waiting` trials the worker takes, which has `taken` packages from it already."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        free = FreeWorkers(state)
        if list(state.workers) != self._workers:
            self._workers = list(state.workers)
            self._packages = dict(self._still_possible(state, free))
        return list(self._decide(state, free))

    def _still_possible(self, state: StateView, free: FreeWorkers) -> Iterator[tuple[WorkerId, Package]]:
        """The packages without what their workers can train no more, as workers have left."""
        for name, package in self._packages.items():
            worker = state.workers.get(name)
            if worker is not None:
                package.trials = deque(t for t in package.trials if free.suits(state.trials[t], worker))
                yield name, package

    def _decide(self, state: StateView, free: FreeWorkers) -> Iterator[Dispatch]:
        packed = {trial for package in self._packages.values() for trial in package.trials}
        for worker in free:
            trial = self._next(state, worker, free, packed)
            if trial is None:
                continue
            team = free.team(trial, worker)
            if worker in team:
                self._packages[worker.id].trials.popleft()
                yield free.start(trial, team, state.interval(trial))
            else:
                free.hold(worker.type)

    def _next(self, state: StateView, worker: Worker, free: FreeWorkers, packed: set[TrialId]) -> Trial | None:
        """The first trial of the worker's package, a new package if need be. `packed`: what is in packages."""
        package = self._packages.get(worker.id)
        while package is not None and package.trials:
            trial = state.trials[package.trials[0]]
            if state.is_ready(trial):
                return trial
            package.trials.popleft()  # it has completed
        return self._take_package(state, worker, free, packed)

    def _take_package(self, state: StateView, worker: Worker, free: FreeWorkers, packed: set[TrialId]) -> Trial | None:
        waiting = _first_stage(state, (t for t in state.ready_trials if t.id not in packed and free.suits(t, worker)))
        if not waiting:
            return None
        stage = _stage_of(state, waiting[0])
        last = self._packages.get(worker.id)
        taken = last.number if last is not None and last.stage == stage else 0
        scores = speed_scores(state, waiting[0], free)
        size = self.size(worker, scores, len(waiting), taken)
        package = Package(stage, taken + 1, deque(trial.id for trial in waiting[:size]))
        self._packages[worker.id] = package
        packed.update(package.trials)
        return waiting[0]


def _stage_of(state: StateView, trial: Trial) -> Stage:
    return trial.experiment, trial.iterations // state.experiment(trial).interval


def _first_stage(state: StateView, trials: Iterator[Trial]) -> list[Trial]:
    """Of trials, least advanced first, those that are in the stage of the first one."""
    first = next(trials, None)
    if first is None:
        return []
    stage, waiting = _stage_of(state, first), [first]
    alone = len(state.experiments) == 1
    for trial in trials:
        if _stage_of(state, trial) == stage:
            waiting.append(trial)
        elif alone:
            break  # all that follow are in later stages
    return waiting


def speed_scores(state: StateView, trial: Trial, free: FreeWorkers) -> dict[WorkerId, float]:
    """The speed of every worker that suits the trial, by that of the slowest; 1 where it is unknown."""
    seconds = {
        worker.id: state.seconds_per_iteration(trial, worker)
        for worker in state.workers.values()
        if free.suits(trial, worker)
    }
    slowest = max((known for known in seconds.values() if known), default=1.0)
    return {worker: slowest / known if known else 1.0 for worker, known in seconds.items()}
