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
from hetsched.domain.workload import TrialId, Workload


class Dispatch(Struct, frozen=True, gc=False):
    """A decision: the trial trains the next `iterations` iterations on the worker, starting now.

    A trial of a gang takes `others` too, which are of the same type as the worker.

    With `then` it is a package: the worker trains these trials after the first one, one after another, an interval each
    or what is left of it. It reports all of them together at the package's end. Until then no result of the package is
    known, and its trials count as running. A package has no gangs.
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
    """A decision: ask again at `time` (seconds since the start of the run), or earlier if something changes.

    It holds until `time`, or until the next call, whose answer replaces it: a policy that still wants to be woken says
    so again. At `time` the policy is asked only if a worker is idle and a trial ready.
    """

    time: float


Decision = Dispatch | Stop | WakeAt


def in_own_types(decision: Dispatch) -> Dispatch:
    """The decision with texts and numbers of Python's own, where a policy has those of NumPy."""
    trial, worker, iterations, others = decision.trial, decision.worker, decision.iterations, decision.others
    then = decision.then
    if type(trial) is str and type(worker) is str and type(iterations) is int and others == () == then:
        return decision
    all_others = tuple(map(plain, others)) if isinstance(others, tuple) else others
    all_then = tuple(map(plain, then)) if isinstance(then, tuple) else then
    return Dispatch(plain(trial), plain(worker), plain(iterations), all_others, all_then)


def no_decisions(returned: object) -> str:
    """What is wrong with what `dispatch` returned, which cannot be iterated over.

    >>> no_decisions(None)
    'dispatch returned None, expected an iterable of Dispatch, Stop or WakeAt: did it forget yield?'
    """
    forgot = "did it forget yield?" if returned is None else "put it in a list"
    return f"dispatch returned {returned!r}, expected an iterable of Dispatch, Stop or WakeAt: {forgot}"


@runtime_checkable
class SchedulingPolicy(Protocol):
    """Which ready trial runs a segment of what length on which idle worker.

    `dispatch` is called when something changed (a segment ended or was lost, a worker came or went, an experiment
    arrived) or a `WakeAt` is due, but only if a worker is idle and a trial ready. It returns what to start now.
    Returning nothing is allowed while anything runs, or with a `WakeAt`. The same views in the same order must lead to
    the same decisions.

    A policy may also have a method `setup(cluster, workload, times, rng)` (see `SetUp`), and a class attribute
    `periods`: from the name of an option in seconds, such as the length of a round, to how often it must at least fit
    into a run. Studies warn where it does not.
    """

    def dispatch(self, state: StateView) -> Iterable[Decision]: ...


@runtime_checkable
class SetUp(Protocol):
    """A policy that wants to know more before the run starts.

    `workload` holds the experiments that are there at time 0; later ones are not known before they arrive. `rng` is
    the policy's own stream of the run's seed.
    """

    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: np.random.Generator) -> None: ...


MOST_WAKES = 10_000
"""A policy that wants to be woken so often at once does not end."""


def taken(decisions: Iterator[Decision], most: int) -> list[Decision]:
    """`most` is one more than can be carried out: that one is refused, and a policy that never ends cannot hang the
    run. Of wake-ups any number can be carried out: as many decisions are taken beyond `most`, `MOST_WAKES` or one more
    at the most."""
    found = list(islice(decisions, most))
    new = found if len(found) == most else []
    while new and len(found) <= most + MOST_WAKES:
        wakes = sum(isinstance(decision, WakeAt) for decision in new)
        new = list(islice(decisions, min(wakes, most + MOST_WAKES + 1 - len(found))))
        found += new
    return found
