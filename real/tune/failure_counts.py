"""Whose fault it is that a segment failed: the trial's, or that of the node on which it ran."""

from collections import Counter, defaultdict

from hetsched.domain.cluster import NodeId
from hetsched.domain.workload import TrialId

MAX_FAILURES = 3
"""How often a trial may fail and start again."""

STRIKES = 3
"""After so many failed segments in a row a node is set aside."""


class FailureCounts:
    """Failures of nodes and of trials, both counted in a row.

    - Every failure is a strike against its node; a segment that is finished there clears them.
    - It counts against its trial as well, unless another trial has failed on that node since the last success there:
      then the node is the likelier cause. Getting further than ever clears what counts against a trial.

    So a node on which everything fails is set aside, and what failed there is not held against the trials for long. A
    trial that fails wherever it runs fails most of the time where others succeed, and ends the run; alone on idle nodes
    it takes down one at most, as it may fail once more than a node may strike.
    """

    def __init__(self) -> None:
        self._on_node: defaultdict[NodeId, list[TrialId]] = defaultdict(list)
        self._of_trial: Counter[TrialId] = Counter()
        self._furthest: Counter[TrialId] = Counter()

    def succeeded(self, trial: TrialId, node: NodeId, iterations: int) -> None:
        """The trial finished a segment there and has now done so many iterations."""
        self._on_node.pop(node, None)
        if iterations > self._furthest[trial]:
            self._furthest[trial] = iterations
            self._of_trial.pop(trial, None)

    def recounted(self, trial: TrialId, iterations: int) -> None:
        """The trial took over the count of another: what it gets beyond is further than it was with that."""
        self._furthest[trial] = iterations

    def failed(self, trial: TrialId, node: NodeId) -> None:
        """A segment of the trial failed there."""
        strikes = self._on_node[node]
        if all(other == trial for other in strikes):
            self._of_trial[trial] += 1
        strikes.append(trial)

    def lost_checkpoint(self, trial: TrialId) -> None:
        """The trial's file was damaged, which is no node's fault."""
        self._of_trial[trial] += 1

    def forgive(self, node: NodeId) -> None:
        """The node begins anew."""
        self._on_node.pop(node, None)

    def failures(self, trial: TrialId) -> int:
        """How many failures in a row count against the trial."""
        return self._of_trial[trial]

    def strikes(self, node: NodeId) -> int:
        """How many segments in a row have failed on the node."""
        return len(self._on_node[node])
