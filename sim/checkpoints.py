"""Checkpoints: where the copies of a trial's state are, and what of it dies with a node."""

from math import inf
from typing import NamedTuple, Optional

from hetsched.cluster import NodeId
from hetsched.learning import Weights
from hetsched.state import State, Trial
from hetsched.workload import TrialId


class Copy(NamedTuple):
    """A trial's state as it was saved in the memory of a node (None: nowhere but in storage).

    From `stored_at` on it is in storage, too. `older` is the newest of the trial's states that was in storage by then.
    """

    node: NodeId | None
    stored_at: float
    weights: Weights
    iterations: int
    score: float | None
    older: Optional["Copy"] = None

    def in_storage(self, now: float) -> Optional["Copy"]:
        """The newest state that storage holds: this one, an older one, or none."""
        return self if self.stored_at <= now else self.older


class Homes:
    """The nodes whose memory holds each trial's newest state, where no node ever fails: that on which it trained last,
    and after an exploit that of the source."""

    def __init__(self, state: State, behind: bool) -> None:
        self.behind = behind
        self._state = state
        self._exploited: dict[TrialId, NodeId] = {}

    def node(self, trial: TrialId) -> NodeId:
        at = self._state.trials[trial].at
        return self._exploited[trial] if at is None else self._state.workers[at].node

    def exploit(self, target: TrialId, source: TrialId) -> None:
        """The target goes on from the source's newest state; to be called before the state says so."""
        self._exploited[target] = self.node(source)


class Checkpoints:
    """The newest copy of every trial, when nodes keep checkpoints in their object stores.

    With `behind` every copy is written to storage after the segment, while the worker goes on; without, it is in memory
    only. A trial without a copy has not been trained.
    """

    def __init__(self, behind: bool) -> None:
        self.behind = behind
        self._copies: dict[TrialId, Copy] = {}

    def save(self, trial: Trial, node: NodeId, now: float, write_s: float, weights: Weights) -> None:
        """The trial's state was put into the node's memory; writing it to storage takes `write_s`."""
        before = self._copies.get(trial.id)
        older = before.in_storage(now) if before is not None else None
        stored_at = now + write_s if self.behind else inf
        if older is not None:
            older = older._replace(older=None)
        self._copies[trial.id] = Copy(node, stored_at, weights, trial.iterations, trial.score, older)

    def exploit(self, target: Trial, source: TrialId) -> None:
        """The target goes on from the source's copy; it counts its own iterations."""
        copy = self._copies[source]
        older = copy.older._replace(iterations=target.iterations) if copy.older is not None else None
        self._copies[target.id] = copy._replace(iterations=target.iterations, older=older)

    def node(self, trial: TrialId) -> NodeId | None:
        """The node whose memory holds the trial's state; None if it is in storage only."""
        return self._copies[trial].node

    def lose(self, node: NodeId, now: float) -> list[TrialId]:
        """A node's memory is gone. Returns the trials whose newest copy went with it."""
        gone = []
        for trial, copy in self._copies.items():
            if copy.node == node:
                if copy.stored_at > now:
                    gone.append(trial)
                self._copies[trial] = copy._replace(node=None)
        return gone

    def fall_back(self, trial: TrialId) -> Copy | None:
        """What is left of a trial that lost its newest copy: an older state, now the newest, or none."""
        older = self._copies.pop(trial).older
        if older is not None:
            self._copies[trial] = older._replace(node=None)
        return older
