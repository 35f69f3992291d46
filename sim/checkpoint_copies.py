"""Checkpoints: where the copies of a trial's state are, and which of them a node's failure
loses."""

from collections import defaultdict
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import NodeId
from hetsched.domain.learning import Weights
from hetsched.domain.workload import TrialId


class CheckpointCopy(NamedTuple):
    """A copy of a trial's state in the memory of a node. `node` is None if the state is in storage
    only. From `stored_at` seconds on it is also in storage."""

    node: NodeId | None
    stored_at: float
    weights: Weights
    iterations: int
    score: float | None


class Homes:
    """The nodes whose memory has each trial's newest state, if no node ever fails. That is the node
    on which the trial trained last. After an exploit it is the node of the source."""

    def __init__(self, state: State, behind: bool) -> None:
        self.behind = behind
        self._state = state
        self._exploited: dict[TrialId, NodeId] = {}

    def node(self, trial: TrialId) -> NodeId:
        at = self._state.trials[trial].at
        return self._exploited[trial] if at is None else self._state.workers[at].node

    def exploit(self, target: Trial, source: TrialId, *, takes_count: bool) -> None:
        """The target goes on from the source's newest state. Call it before the state has the
        exploit."""
        self._exploited[target.id] = self.node(source)


class CheckpointCopies:
    """The copies of every trial's states, if nodes keep checkpoints in their object stores: the
    newest copy, and earlier ones to which the trial may still fall back.

    With `behind` every copy is written to storage after the segment, while the worker goes on.
    Without it, a copy is in memory only. A trial without a copy must start from 0.
    """

    def __init__(self, behind: bool) -> None:
        self.behind = behind
        self._copies: dict[TrialId, list[CheckpointCopy]] = {}  # newest first
        self._in_memory_of: defaultdict[NodeId, set[TrialId]] = defaultdict(set)

    def save(self, trial: Trial, node: NodeId, now: float, write_s: float, weights: Weights) -> None:
        """The trial's state is now in the node's memory. Writing it to storage takes `write_s`
        seconds."""
        stored_at = now + write_s if self.behind else inf
        newest = CheckpointCopy(node, stored_at, weights, trial.iterations, trial.score)
        older = _wanted(self._copies.get(trial.id, []), now) if self.behind else []
        self._put(trial.id, [newest, *older])

    def exploit(self, target: Trial, source: TrialId, *, takes_count: bool) -> None:
        """Let the target go on from the source's states. It keeps its own count of iterations, or
        with `takes_count` copies the source's counts."""
        copies = self._copies[source]
        if not takes_count:
            copies = [copy._replace(iterations=target.iterations) for copy in copies]
        self._put(target.id, list(copies))

    def _put(self, trial: TrialId, copies: list[CheckpointCopy]) -> None:
        """These are the copies of the trial from now on."""
        for copy in self._copies.get(trial, ()):
            if copy.node is not None:
                self._in_memory_of[copy.node].discard(trial)
        for copy in copies:
            if copy.node is not None:
                self._in_memory_of[copy.node].add(trial)
        self._copies[trial] = copies

    def node(self, trial: TrialId) -> NodeId | None:
        """The node whose memory has the trial's newest state. None: the state is in storage
        only."""
        return self._copies[trial][0].node

    def lose(self, node: NodeId, now: float) -> list[TrialId]:
        """A node's memory is lost, with all copies that are not in storage yet. Returns the trials
        whose newest copy is lost."""
        gone = []
        for trial in sorted(self._in_memory_of[node]):
            copies = self._copies[trial]
            left = [copy for copy in copies if copy.node != node or copy.stored_at <= now]
            if not left or left[0] is not copies[0]:
                gone.append(trial)
            self._put(trial, [copy._replace(node=None) if copy.node == node else copy for copy in left])
        return gone

    def newest(self, trial: TrialId) -> CheckpointCopy | None:
        """The trial's newest copy. None: it has none."""
        copies = self._copies[trial]
        return copies[0] if copies else None


def _wanted(copies: list[CheckpointCopy], now: float) -> Iterator[CheckpointCopy]:
    """Of a trial's copies, newest first, those to which it may fall back: down to the first one in
    storage."""
    for copy in copies:
        yield copy
        if copy.stored_at <= now:
            return
