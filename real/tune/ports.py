"""What the driver lets others do: Tune and Ray in a run, fakes in the driver's tests."""

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
"""The trial whose weights are copied, and the hyperparameters with which the copy goes on."""


class Places(Protocol):
    """What attendance lets others do when workers come and go."""

    def open(self, worker: WorkerId, ray_node: RayNodeId) -> None:
        """The worker is on this Ray node. Its actor starts with its first trial, and is kept from
        then on."""

    def close(self, worker: WorkerId) -> None:
        """The worker is gone: kill its actor."""

    def take_back(self, trial: TrialId) -> None:
        """Make a trial wait. It may be on its way to an actor, train there, or wait already."""


class Actors(Places, Protocol):
    """Starts and keeps one actor per worker, and brings trials to the actors.

    `Driver.started`, `Driver.ended` and `Driver.failed` receive the results. After `take_back` or
    `close` they receive nothing more of the trials concerned.
    """

    def start(self, trial: TrialId, worker: WorkerId) -> None:
        """Bring a waiting trial to the worker's actor."""

    def assign(self, assignment: Assignment) -> None:
        """What the actor that has the trial trains next. Tune's order to train follows right after
        this."""

    def pause(self, trial: TrialId) -> None:
        """Take a trial that has just reported off its actor."""

    def stop(self, trial: TrialId) -> None:
        """A waiting trial is completed."""

    def snapshot(self, trial: TrialId) -> Any:
        """Order the actor to put the trial's state into the object store of its node. Returns a
        reference to it."""

    def write(self, worker: WorkerId, copy: Copy, path: Path) -> Any:
        """Order the worker's actor to write a state to a file. Returns an argument for
        `outcomes`."""

    def write_without_actor(self, worker: WorkerId, copy: Copy, path: Path) -> Any:
        """As `write`, in a separate process on the worker's node, whether the worker has an actor
        or not."""

    def flush(self, worker: WorkerId) -> Any:
        """Order the worker's actor to complete the file that it is writing. Returns an argument for
        `outcomes`."""

    def outcomes(self, answers: Sequence[Any], timeout_s: float) -> list[Exception | None]:
        """Wait for all answers together, at most `timeout_s` seconds. Returns each one's error,
        None if it has none."""

    def end(self) -> None:
        """End the run. Running segments are broken off."""


class Resources(Protocol):
    """Samples what nodes use, in parallel to the run."""

    def take(self) -> Sequence[tuple[NodeId, NodeUse]]:
        """The samples since the last call, for nodes in the cluster. The call never waits."""


class PBT(Protocol):
    """Population-Based Training: ranks trials, decides which trial copies which, and explores."""

    def report(self, trial: Trial) -> Exploit | None:
        """The trial has finished a segment. Returns what the trial copies. None: it goes on with
        its own weights."""

    def follow_log(self, trial: TrialId, hyperparameters: Hyperparameters) -> None:
        """Set the trial's hyperparameters to the values in the log, whatever was decided."""

    def forget_score(self, trial: TrialId) -> None:
        """The trial's latest state is lost, and with it its score."""

    def complete(self, trial: TrialId) -> None:
        """The trial is completed. It is no longer ranked."""
