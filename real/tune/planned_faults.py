"""Faults that a scenario plans, carried out on the processes of a real run on this machine."""

import logging
from collections import Counter
from threading import Event, Thread
from types import TracebackType
from typing import Protocol

from hetsched.domain.cluster import NodeId, WorkerId
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from real.cluster import ray_cluster
from real.tune.clock import Clock

LOOK_S = 0.05
"""How often to look whether the run has started, and whether a worker has a process."""

logger = logging.getLogger(__name__)


class Actors(Protocol):
    """The processes of the workers."""

    def kill(self, worker: WorkerId) -> bool: ...


class PlannedFaults:
    """Within its context a thread kills processes and nodes at their times, and starts nodes again.

    The run notices by itself, as it does when something dies that nobody planned to kill. Raises
    InputError for faults in a cluster that somebody else started.
    """

    def __init__(self, setup: Setup, actors: Actors, clock: Clock) -> None:
        self._faults = setup.scenario.faults.planned
        if self._faults and setup.scenario.real.address is not None:
            raise InputError(
                "faults.planned: a real run can kill only what it has started; leave out --address, or these faults"
            )
        self._nodes = {node.id: node for node in setup.cluster}
        self._actors = actors
        self._clock = clock
        self._absences = Counter[str]()
        self._over, self._closed = Event(), Event()
        self._thread = Thread(target=self._carry_out, name="planned faults", daemon=True)

    def __enter__(self) -> None:
        if self._faults:
            self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()

    def close(self) -> None:
        """After the run. A cluster whose nodes were killed is closed: a node that was started again
        dies with the thread that started it. Ray asks the system to see to that."""
        if not self._faults:
            return
        if any(fault.node is not None for fault in self._faults):
            ray_cluster.close()
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _carry_out(self) -> None:
        self._in_turn()
        self._closed.wait()

    def _in_turn(self) -> None:
        acts = [(fault.at_s, fault.worker, fault.node, False) for fault in self._faults]
        acts += [(fault.back_s, None, fault.node, True) for fault in self._faults if fault.back_s is not None]
        while not self._clock.started:
            if self._over.wait(LOOK_S):
                return
        elapsed = self._clock.stopwatch()
        for at_s, worker, node, returns in sorted(acts, key=lambda act: act[0]):
            if self._over.wait(max(0.0, at_s - elapsed())):
                return
            try:
                self._act(worker, node, returns)
            except Exception:
                logger.exception("a planned fault at %s s cannot be carried out", at_s)

    def _act(self, worker: str | None, node: str | None, returns: bool) -> None:
        if worker is not None:
            while not self._actors.kill(WorkerId(worker)):
                if self._over.wait(LOOK_S):
                    return
        elif node is not None:
            self._act_on_node(node, returns)

    def _act_on_node(self, node: str, returns: bool) -> None:
        """One of several faults that overlap kills the node. It starts again when the last one ends."""
        before = self._absences[node]
        self._absences[node] += -1 if returns else 1
        if returns and before == 1:
            ray_cluster.start_again(self._nodes[NodeId(node)])
        elif not returns and before == 0:
            ray_cluster.kill_node(NodeId(node))
