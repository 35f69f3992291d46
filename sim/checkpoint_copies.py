"""Checkpoints: where the copies of a trial's state are, and what of it dies with a node."""

from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import NodeId
from hetsched.domain.learning import Weights
from hetsched.domain.workload import TrialId


class CheckpointCopy(NamedTuple):
    """A trial's state as it was saved in the memory of a node (None: it is nowhere but in storage). From `stored_at` on
    it is in storage, too."""

    node: NodeId | None
    stored_at: float
    weights: Weights
    iterations: int
    score: float | None


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

    def exploit(self, target: Trial, source: TrialId, *, takes_count: bool) -> None:
        """The target goes on from the source's newest state; to be called before the state says so."""
        self._exploited[target.id] = self.node(source)


class CheckpointCopies:
    """The copies of every trial's states, when nodes keep checkpoints in their object stores: the newest, and those
    before it that may still be fallen back to.

    With `behind` every copy is written to storage after the segment, while the worker goes on; without, it is in memory
    only. A trial without a copy has nothing to go on from.
    """

    def __init__(self, behind: bool) -> None:
        self.behind = behind
        self._copies: dict[TrialId, list[CheckpointCopy]] = {}  # newest first

    def save(self, trial: Trial, node: NodeId, now: float, write_s: float, weights: Weights) -> None:
        """The trial's state was put into the node's memory; writing it to storage takes `write_s`."""
        stored_at = now + write_s if self.behind else inf
        newest = CheckpointCopy(node, stored_at, weights, trial.iterations, trial.score)
        older = _wanted(self._copies.get(trial.id, []), now) if self.behind else []
        self._copies[trial.id] = [newest, *older]

    def exploit(self, target: Trial, source: TrialId, *, takes_count: bool) -> None:
        """The target goes on from the source's states. It counts its own iterations, unless it takes over the counts
        of the source."""
        copies = self._copies[source]
        if not takes_count:
            copies = [copy._replace(iterations=target.iterations) for copy in copies]
        self._copies[target.id] = list(copies)

    def node(self, trial: TrialId) -> NodeId | None:
        """The node whose memory holds the trial's newest state; None if it is in storage only."""
        return self._copies[trial][0].node

    def lose(self, node: NodeId, now: float) -> list[TrialId]:
        """A node's memory is gone, with what storage did not have yet. Returns the trials whose newest copy went with
        it."""
        gone = []
        for trial, copies in self._copies.items():
            left = [copy for copy in copies if copy.node != node or copy.stored_at <= now]
            if copies and (not left or left[0] is not copies[0]):
                gone.append(trial)
            self._copies[trial] = [copy._replace(node=None) if copy.node == node else copy for copy in left]
        return gone

    def newest(self, trial: TrialId) -> CheckpointCopy | None:
        """What there is of the trial, None if nothing is left."""
        copies = self._copies[trial]
        return copies[0] if copies else None


def _wanted(copies: list[CheckpointCopy], now: float) -> Iterator[CheckpointCopy]:
    """Of a trial's copies, newest first, those that may be fallen back to: down to the first that is in storage."""
    for copy in copies:
        yield copy
        if copy.stored_at <= now:
            return
