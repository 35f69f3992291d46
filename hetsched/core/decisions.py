"""The interface of scheduling policies."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
from msgspec import Struct

from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec, WorkerId
from hetsched.domain.plain import plain
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment, TrialId, Workload


class Dispatch(Struct, frozen=True, gc=False):
    """A decision: the trial trains the next `iterations` iterations on the worker, starting now.

    A trial of a gang also takes the workers in `others`. They are of the same type as the worker.

    With `then` the decision starts a package. The worker trains these trials after the first one,
    one after another, an interval each or what is left of the trial. It reports all results
    together, at the end of the package. Until then no result of the package is known, and its
    trials count as running. A package has no gangs.
    """

    trial: TrialId
    worker: WorkerId
    iterations: int
    others: tuple[WorkerId, ...] = ()
    then: tuple[TrialId, ...] = ()


class Stop(Struct, frozen=True):
    """A decision: the trial, which is ready, never trains again. It counts as completed."""

    trial: TrialId
    reason: str


class WakeAt(Struct, frozen=True):
    """A decision: ask again at `time` (seconds since the start of the run), or earlier if something
    changes.

    The decision holds until `time`, or until the next call of the policy: the answer to that call
    replaces it. A policy that still wants to be woken must say so again. At `time` the policy is
    asked only if a worker is idle and a trial ready. A time that is more than 1e12 s away never
    comes.
    """

    time: float


Decision = Dispatch | Stop | WakeAt


def in_own_types(decision: Dispatch) -> Dispatch:
    """The decision with Python's own strings and numbers in place of NumPy's."""
    trial, worker, iterations, others = decision.trial, decision.worker, decision.iterations, decision.others
    then = decision.then
    are_tuples = isinstance(others, tuple) and isinstance(then, tuple)
    if type(trial) is str and type(worker) is str and type(iterations) is int and are_tuples and not (others or then):
        return decision
    all_others = tuple(map(plain, others)) if isinstance(others, tuple) else others
    all_then = tuple(map(plain, then)) if isinstance(then, tuple) else then
    return Dispatch(plain(trial), plain(worker), plain(iterations), all_others, all_then)


def no_decisions(returned: object) -> str:
    """An error message for what `dispatch` returned, which is not iterable.

    >>> no_decisions(None)
    'dispatch returned None, expected an iterable of Dispatch, Stop or WakeAt: did it forget yield?'
    """
    forgot = "did it forget yield?" if returned is None else "put it in a list"
    return f"dispatch returned {returned!r}, expected an iterable of Dispatch, Stop or WakeAt: {forgot}"


@runtime_checkable
class SchedulingPolicy(Protocol):
    """Which ready trial runs a segment of what length on which idle worker.

    `dispatch` is called when something has changed or a `WakeAt` is due, but only if a worker is
    idle and a trial ready. A change is a segment that ended or was lost, a worker that came or
    left, or an experiment that arrived. `dispatch` returns what to start now. It may return nothing
    while a segment runs, or with a `WakeAt`. The same views in the same order must lead to the same
    decisions.

    A policy may also have a method `setup(cluster, workload, times, rng)` (see `SetUp`). It may
    have a class attribute `periods`. Its keys are names of options in seconds, such as the length
    of a round. Its values say how often such a period must at least fit into a run. Studies warn if
    it fits in less often.
    """

    def dispatch(self, state: StateView) -> Iterable[Decision]: ...


@runtime_checkable
class SetUp(Protocol):
    """A policy that wants to know more before the run starts.

    `workload` has the experiments that arrive at time 0. A policy does not know later experiments
    before they arrive. `rng` is the policy's own stream of random numbers. The stream depends on
    the seed of the run.
    """

    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: np.random.Generator) -> None: ...


@runtime_checkable
class StopsTrials(Protocol):
    """A policy that stops trials before their end, the worst scores first. Studies say where it
    cannot."""

    def never_stops(self, experiment: Experiment, cluster: ClusterSpec) -> str | None:
        """Why the policy stops no trial of the experiment by its score, in words after "as". None:
        it may stop some. `cluster` has the nodes on which the policy has workers."""
        ...


@runtime_checkable
class NamesIdleRules(Protocol):
    """A policy that names the rules of its own which do nothing in an experiment. Studies say so."""

    def idle_rule(self, experiment: Experiment) -> str | None:
        """Which rule does nothing in the experiment, and why, in words. None: all may act."""
        ...


MOST_WAKES = 10_000
"""The most `WakeAt` that one answer may have. With more, the answer is taken to never end."""


def taken(decisions: Iterator[Decision], most: int) -> list[Decision]:
    """The first decisions of an answer. Their number is limited, so that an answer that never ends
    cannot hang the run.

    `most` is the number of decisions that can be carried out, plus 1: the last one is refused. A
    run can carry out any number of `WakeAt`. So after `most` decisions as many more are taken as
    there were `WakeAt`, at most `MOST_WAKES` plus 1.
    """
    found = list(islice(decisions, most))
    new = found if len(found) == most else []
    while new and len(found) <= most + MOST_WAKES:
        wakes = sum(isinstance(decision, WakeAt) for decision in new)
        new = list(islice(decisions, min(wakes, most + MOST_WAKES + 1 - len(found))))
        found += new
    return found
