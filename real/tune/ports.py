"""What the driver has done by others: by Tune and Ray in a run, by fakes in the driver's tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from hetsched.core.trial import Trial
from hetsched.domain.cluster import NodeId, WorkerId
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.workload import TrialId
from real.checkpoints.snapshot import Copy
from real.cluster.matching import RayNodeId
from real.resources.node_meter import NodeUse
from real.tune.messages import Assignment

Exploit = tuple[TrialId, Hyperparameters]
"""The trial whose weights are taken over, and the hyperparameters to go on with."""


class Places(Protocol):
    """What attendance has done when workers come and go."""

    def open(self, worker: WorkerId, ray_node: RayNodeId) -> None:
        """The worker is there, on this Ray node: its actor is started with its first trial, and then kept."""

    def close(self, worker: WorkerId) -> None:
        """The worker is gone: kill its actor."""

    def take_back(self, trial: TrialId) -> None:
        """Have a trial wait, whether it is on its way to an actor, trains there, or waits still."""


class Actors(Places, Protocol):
    """Starts and keeps an actor per worker, and brings trials to them.

    What comes of it reaches the driver by `Driver.started`, `Driver.ended` and `Driver.failed`. After `take_back` and
    `close`, nothing more comes of the trials that they concern.
    """

    def start(self, trial: TrialId, worker: WorkerId) -> None:
        """Bring a trial that waits to the worker's actor."""

    def assign(self, assignment: Assignment) -> None:
        """Tell the actor that has the trial what to train next."""

    def pause(self, trial: TrialId) -> None:
        """Take a trial that has just reported off its actor."""

    def stop(self, trial: TrialId) -> None:
        """A trial that waits is completed."""

    def snapshot(self, trial: TrialId) -> Any:
        """Have the actor put the trial's state into the object store of its node. Return a reference to it."""

    def write(self, worker: WorkerId, copy: Copy, path: Path) -> Any:
        """Have the worker's actor write a state to a file. Return what `outcomes` takes."""

    def write_without_actor(self, worker: WorkerId, copy: Copy, path: Path) -> Any:
        """The same in a process of its own on the worker's node, whether the worker has an actor or not."""

    def flush(self, worker: WorkerId) -> Any:
        """Have the worker's actor complete the file that it writes. Return what `outcomes` takes."""

    def outcomes(self, answers: Sequence[Any], timeout_s: float) -> list[Exception | None]:
        """Wait for all of these answers together, so long at most. Return what each failed of, None if it did not."""

    def end(self) -> None:
        """End the run. Segments that run are broken off."""


class Resources(Protocol):
    """Samples what nodes use, beside the run."""

    def take(self) -> Sequence[tuple[NodeId, NodeUse]]:
        """What was sampled since the last call, of nodes that are there. Never waits."""


class PBT(Protocol):
    """Population-Based Training: ranks trials, decides which takes over whose weights, and explores."""

    def report(self, trial: Trial) -> Exploit | None:
        """The trial has finished a segment. Return what it takes over, None if it goes on with its own weights."""

    def follow_log(self, trial: TrialId, hyperparameters: Hyperparameters) -> None:
        """The trial has these hyperparameters, whatever was decided."""

    def forget_score(self, trial: TrialId) -> None:
        """The trial's latest state is lost, and its score with it."""

    def complete(self, trial: TrialId) -> None:
        """The trial is completed: it is ranked no more."""
