"""The interface of scheduling policies."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from msgspec import Struct

from hetsched.cluster import WorkerId
from hetsched.view import StateView
from hetsched.workload import TrialId


class Dispatch(Struct, frozen=True):
    """A decision: the trial trains the next `iterations` iterations on the worker, starting now."""

    trial: TrialId
    worker: WorkerId
    iterations: int


@runtime_checkable
class SchedulingPolicy(Protocol):
    """Which ready trial runs a segment of what length on which idle worker.

    `dispatch` is called whenever something changed: a segment ended, a worker came or went, an experiment
    arrived. It returns what to start now. Returning nothing is allowed while anything runs. The same view
    must lead to the same decisions.
    """

    def dispatch(self, state: StateView) -> Iterable[Dispatch]: ...
