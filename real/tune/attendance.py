"""Which workers are in the run. They leave it with their nodes, and join it again with their
nodes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import WorkerJoined, WorkerLeft
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.workload import TrialId
from real.cluster.matching import RayNodeId
from real.cluster.nodes import Nodes
from real.tune.clock import Clock
from real.tune.ports import Places


class Attendance:
    """The Ray node of each worker that is `there`. `on_leave` is called with every worker that
    leaves."""

    def __init__(
        self,
        workers: Mapping[WorkerId, Worker],
        nodes: Nodes,
        dispatcher: Dispatcher,
        actors: Places,
        clock: Clock,
        on_leave: Callable[[WorkerId], None],
    ) -> None:
        self.there: dict[WorkerId, RayNodeId] = {}
        self._workers = workers
        self._nodes = nodes
        self._dispatcher = dispatcher
        self._actors = actors
        self._clock = clock
        self._on_leave = on_leave

    def begin(self) -> None:
        """Add the workers whose nodes are in the cluster. The log has these workers already."""
        for worker in self._workers.values():
            self._open(worker)

    def watch(self, at_once: bool = False) -> bool:
        """Look which nodes are in the cluster. Returns whether any has come or gone."""
        changed = self._nodes.look(at_once)
        if changed:
            self.follow()
        return changed

    def follow(self) -> None:
        """Workers of nodes that are gone leave the run. Workers of nodes that have come join it."""
        gone = [one for one, ray_node in self.there.items() if self._nodes.there.get(self._node(one)) != ray_node]
        lost = defaultdict[WorkerId, list[TrialId]](list)
        for segment in self._dispatcher.state.running.values() if gone else ():
            lost[segment.worker].append(segment.trial)
        for worker in gone:
            self._leave(worker, lost[worker], self._nodes.absences[self._node(worker)])
        for absent in [worker for worker in self._workers.values() if worker.id not in self.there]:
            if self._open(absent):
                self._dispatcher.record(WorkerJoined(self._clock.now(), absent))
        self._dispatcher.commit()

    def _node(self, worker: WorkerId) -> NodeId:
        return self._workers[worker].node

    def _open(self, worker: Worker) -> bool:
        """Add the worker, if its node is in the cluster. Returns whether the worker was added."""
        ray_node = self._nodes.there.get(worker.node)
        if ray_node is None:
            return False
        self.there[worker.id] = ray_node
        self._actors.open(worker.id, ray_node)
        return True

    def _leave(self, worker: WorkerId, lost: Iterable[TrialId], reason: str) -> None:
        """The worker is gone. The segments of these trials, which it was running or should have
        run, are lost."""
        dispatcher, now = self._dispatcher, self._clock.now()
        del self.there[worker]
        for trial in lost:
            self._actors.take_back(trial)
            dispatcher.lose_segment(now, trial, reason)
        self._actors.close(worker)
        self._on_leave(worker)
        dispatcher.record(WorkerLeft(now, worker, reason))
