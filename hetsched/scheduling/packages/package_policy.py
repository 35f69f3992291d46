"""Packages of trials that one worker carries out and reports together: the common part of `era` and
`eta`."""

from abc import ABC, abstractmethod
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import merge
from itertools import islice

import numpy as np

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec, Worker, WorkerId
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment, ExperimentId, TrialId, Workload
from hetsched.scheduling.packages.ability import Abilities, candidates

RETIRES_AT = 0.8
"""GPA retires workers once a trial has reported this share of the stop iterations."""

FirstCome = tuple[int, int]
"""The key of the order: the least advanced trial first, of equals the trial that has waited
longest."""

Queue = Sequence[Trial]
"""Waiting trials, in the order in which they are served."""


class PackagePolicy(ABC):
    """Free workers take packages of the least advanced waiting trials, in the order in which they
    became free.

    The rules come from `self_scheduling`, the follow-up of HRFS (github.com/ncue-e107). Of trials
    that are equally advanced, the trial that has waited longest is first. A worker trains each
    trial of its package for an interval, or for what is left of the trial. It reports all of them
    at the end of the package. All trials of a package are of one experiment. `size` says how many
    there are. A worker of ability 0 takes none (see `hetsched.scheduling.packages.ability`).

    `gpa` makes slow workers retire near the end. Once a trial has reported 0.8 of the stop
    iterations, and there are more than 9 workers, the 9 workers of least ability take no more
    packages. Each decision then looks at every experiment that waits.

    All workers might be idle then, if trials wait that can run on no other worker. In that case
    workers of ability 0 and retired ones take a package, too. The package of a worker of ability 0
    has at least one trial.
    """

    single_workers_only = True  # it does not place gangs
    hands_out_packages = True

    def __init__(self, gpa: bool = False) -> None:
        if not isinstance(gpa, bool):
            raise ValueError(f"gpa must be true or false, not {gpa!r}")
        self._gpa = gpa
        self._abilities = Abilities()

    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: np.random.Generator) -> None:
        self._abilities.times = times

    @abstractmethod
    def size(self, state: StateView, experiment: Experiment, worker: Worker, ability: int) -> int:
        """The most trials that the worker takes. It takes fewer if fewer wait, and at least one."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        decisions = list(self._packages(state, all_work=False))
        return decisions if decisions or state.running else self._packages(state, all_work=True)

    def _packages(self, state: StateView, *, all_work: bool) -> Iterator[Dispatch]:
        """The packages of the idle workers. With `all_work`, workers of ability 0 and retired ones
        take one, too."""
        taken: set[TrialId] = set()
        for worker in state.idle_workers:
            package = self._package(state, worker, taken, all_work)
            if package:
                taken |= {trial.id for trial in package}
                first, *others = package
                then = tuple(trial.id for trial in others)
                yield Dispatch(first.id, worker.id, state.interval(first), then=then)

    def _package(self, state: StateView, worker: Worker, taken: Container[TrialId], all_work: bool) -> Sequence[Trial]:
        """What the worker takes out of the queues of the experiments. It takes from the queue whose
        first trial comes first, among all trials that the worker may train."""
        groups = state.grouped(_retire_alike if self._gpa else _served_alike, _first_come).values()
        served = [group for group in groups if self._serves(state, worker, group[0], all_work)]
        coming = (_fitting(state, worker, group, taken) for group in served)
        first = next(merge(*coming, key=partial(_first_come, state)), None)
        if first is None:
            return ()
        experiment = state.experiment(first)
        able = self._abilities.of(state, experiment).get(worker.id, 0)
        queue = state.grouped(_experiment, _first_come)[experiment.id]
        return list(islice(_fitting(state, worker, queue, taken), max(1, self.size(state, experiment, worker, able))))

    def _serves(self, state: StateView, worker: Worker, trial: Trial, all_work: bool) -> bool:
        """Whether the worker may train the trial, has an ability above 0 for its experiment, and has
        not retired from it."""
        experiment = state.experiment(trial)
        able = self._abilities.of(state, experiment)
        takes_work = all_work or (able.get(worker.id, 0) > 0 and not self._retires(state, experiment, worker, able))
        return takes_work and state.usable(trial, worker)

    def _retires(self, state: StateView, experiment: Experiment, worker: Worker, able: Mapping[WorkerId, int]) -> bool:
        """Whether the worker takes no more work of the experiment."""
        if not self._gpa or state.lead[experiment.id] < RETIRES_AT * experiment.stop_iterations:
            return False
        return worker.id in candidates(able)


def _experiment(_: StateView, trial: Trial) -> ExperimentId:
    return trial.experiment


def _served_alike(state: StateView, trial: Trial) -> Hashable:
    """A key of trials for which a worker has the same ability, and of which it may train all or
    none."""
    experiment = state.experiment(trial)
    return state.alike(trial), tuple(experiment.kinds), experiment.population


def _retire_alike(state: StateView, trial: Trial) -> Hashable:
    """A key of trials that are served alike, and from which workers retire at one time."""
    return trial.experiment, state.alike(trial)


def _first_come(state: StateView, trial: Trial) -> FirstCome:
    return trial.iterations, state.turn(trial)


def _fitting(state: StateView, worker: Worker, queue: Queue, taken: Container[TrialId]) -> Iterator[Trial]:
    """The trials of the queue that the worker may train, except the trials that are already
    taken."""
    return (trial for trial in queue if trial.id not in taken and state.usable(trial, worker))
