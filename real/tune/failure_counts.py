"""Counts failed segments, to find whether a trial or its node is the cause."""

from collections import Counter, defaultdict

from hetsched.domain.cluster import NodeId
from hetsched.domain.workload import TrialId

MAX_FAILURES = 3
"""How often a trial may fail and start again."""

STRIKES = 3
"""After this many failed segments in a row no trial goes to a node any more."""


class FailureCounts:
    """Failures of nodes and of trials, both counted in a row.

    - Every failure is a strike against its node. A segment that is finished on the node clears the
      strikes.
    - A failure also counts against its trial, unless another trial has failed on the node since the
      last success there: then the node is the likelier cause. A trial that gets further than ever
      clears its count.

    So a node on which everything fails is set aside, and its failures count only briefly against
    the trials. A trial that fails everywhere fails mostly on nodes where other trials succeed. So
    it ends the run. On idle nodes it takes down at most one node: it may fail one time more than a
    node may have strikes.
    """

    def __init__(self) -> None:
        self._on_node: defaultdict[NodeId, list[TrialId]] = defaultdict(list)
        self._of_trial: Counter[TrialId] = Counter()
        self._furthest: Counter[TrialId] = Counter()

    def succeeded(self, trial: TrialId, node: NodeId, iterations: int) -> None:
        """The trial finished a segment on the node, and has done `iterations` in all."""
        self._on_node.pop(node, None)
        if iterations > self._furthest[trial]:
            self._furthest[trial] = iterations
            self._of_trial.pop(trial, None)

    def recounted(self, trial: TrialId, iterations: int) -> None:
        """The trial took over the count of another trial. More iterations than this count are
        further than ever."""
        self._furthest[trial] = iterations

    def failed(self, trial: TrialId, node: NodeId) -> None:
        """A segment of the trial failed there."""
        strikes = self._on_node[node]
        if all(other == trial for other in strikes):
            self._of_trial[trial] += 1
        strikes.append(trial)

    def lost_checkpoint(self, trial: TrialId) -> None:
        """The trial's file was damaged. No node is the cause."""
        self._of_trial[trial] += 1

    def forgive(self, node: NodeId) -> None:
        """Clear the node's strikes."""
        self._on_node.pop(node, None)

    def failures(self, trial: TrialId) -> int:
        """How many failures in a row count against the trial."""
        return self._of_trial[trial]

    def strikes(self, node: NodeId) -> int:
        """How many segments in a row have failed on the node."""
        return len(self._on_node[node])
