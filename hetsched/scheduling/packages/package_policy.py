"""Packages of trials that one worker works off and reports together: what `era` and `eta` share."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

import numpy as np

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec, Worker, WorkerId
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment, ExperimentId, TrialId, Workload
from hetsched.scheduling.packages.ability import Abilities, candidates

RETIRES_AT = 0.8
"""GPA retires workers once a trial has reported this part of the stop iterations."""

ROUNDING = 1e-9
"""A size may exceed a whole number by this much before it counts as one more."""

FirstCome = tuple[int, int]
"""The least advanced trial first, then the one that has waited longest."""

Queue = Sequence[Trial]
"""The trials of an experiment that wait, the first to come first."""


class PackagePolicy(ABC):
    """Free workers take packages of the least advanced trials that wait, in the order in which they became free.

    The rules are those of `self_scheduling`, the follow-up of HRFS (github.com/ncue-e107). Of trials that are equally
    advanced, the one that has waited longest is first. A worker trains each trial of its package for an interval or
    what is left, and reports all of them at the package's end. A package is of one experiment. `size` says of how many
    trials; a worker of ability 0 takes none (`hetsched.scheduling.packages.ability`).

    With `gpa`, slow workers retire near the end: once a trial has reported 0.8 of the stop iterations, of more than 9
    workers the 9 of least ability take no more packages.

    If all that would leave everything idle, as trials wait that can run on no other worker, workers of ability 0 and
    retired ones take a package, too; that of a worker of ability 0 is one trial.
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
        """How many trials the worker takes, if as many wait."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        decisions = list(self._packages(state, all_work=False))
        return decisions if decisions or state.running else self._packages(state, all_work=True)

    def _packages(self, state: StateView, *, all_work: bool) -> Iterator[Dispatch]:
        """What the idle workers take; with `all_work` those of ability 0 and retired ones, too."""
        queues = list(state.grouped(_experiment, _first_come).values())
        taken: set[TrialId] = set()
        for worker in state.idle_workers:
            package = self._package(state, worker, queues, taken, all_work)
            if package:
                taken |= {trial.id for trial in package}
                first, *others = package
                then = tuple(trial.id for trial in others)
                yield Dispatch(first.id, worker.id, state.interval(first), then=then)

    def _package(
        self, state: StateView, worker: Worker, queues: Iterable[Queue], taken: Container[TrialId], all_work: bool
    ) -> Sequence[Trial]:
        """What the worker takes out of the queues of the experiments. That of the trial comes first which is first of
        all that the worker may train."""
        fitting = [_fitting(state, worker, queue, taken) for queue in queues]
        coming = [(_first_come(state, first), first, left) for left in fitting if (first := next(left, None))]
        for _, first, left in sorted(coming, key=lambda one: one[0]):
            experiment = state.experiment(first)
            able = self._abilities.of(state, experiment)
            ability = able.get(worker.id, 0)
            if all_work or (ability and not self._retires(state, experiment, worker, able)):
                size = max(1, self.size(state, experiment, worker, ability))
                return list(islice(chain([first], left), size))
        return ()

    def _retires(self, state: StateView, experiment: Experiment, worker: Worker, able: Mapping[WorkerId, int]) -> bool:
        """Whether the worker takes no more work of the experiment."""
        if not self._gpa or state.lead[experiment.id] < RETIRES_AT * experiment.stop_iterations:
            return False
        return worker.id in candidates(able)


def _experiment(_: StateView, trial: Trial) -> ExperimentId:
    return trial.experiment


def _first_come(state: StateView, trial: Trial) -> FirstCome:
    return trial.iterations, state.turn(trial)


def _fitting(state: StateView, worker: Worker, queue: Queue, taken: Container[TrialId]) -> Iterator[Trial]:
    """The trials of the queue that the worker may train, those that are taken already left out."""
    return (trial for trial in queue if trial.id not in taken and state.usable(trial, worker))
