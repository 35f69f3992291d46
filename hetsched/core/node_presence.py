"""The seconds that nodes have been in the cluster. The price of a node is per such second."""

from collections import Counter, defaultdict

from hetsched.domain.cluster import NodeId, Worker


class NodePresence:
    """Follows workers that join and leave. A node is in the cluster while any of its workers is."""

    def __init__(self) -> None:
        self._workers: Counter[NodeId] = Counter()
        self._since: dict[NodeId, float] = {}
        self._before_s: defaultdict[NodeId, float] = defaultdict(float)

    def join(self, worker: Worker, now: float) -> None:
        self._workers[worker.node] += 1
        self._since.setdefault(worker.node, now)

    def leave(self, worker: Worker, now: float) -> None:
        self._workers[worker.node] -= 1
        if not self._workers[worker.node]:
            self._before_s[worker.node] += now - self._since.pop(worker.node)

    def snapshot(self) -> dict[str, dict[str, float | None]]:
        """As plain data: since when each node is in the cluster (None: it is away), and its seconds
        of earlier stays."""
        return {
            node: {"since": self._since.get(node), "before_s": self._before_s.get(node, 0.0)} for node in self._workers
        }

    def __contains__(self, node: NodeId) -> bool:
        """Whether the node is in the cluster now."""
        return node in self._since

    def seconds(self, node: NodeId, now: float) -> float:
        """How many seconds the node was in the cluster until now. 0: it never came."""
        before_s = self._before_s.get(node, 0.0)
        return before_s + now - self._since[node] if node in self._since else before_s
