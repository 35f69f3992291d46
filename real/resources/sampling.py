"""Samples all nodes during a run. The driver never waits for a sample."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Protocol, Self

from hetsched.domain.cluster import NodeId
from real.cluster.matching import RayNodeId
from real.resources.node_meter import NodeMeter, NodeUse

logger = logging.getLogger(__name__)

MOST_FAILURES = 3
"""How many times in a row a machine may fail to answer. Then it is not asked any more."""

Answer = NodeUse | Exception | None
"""A sample, or the error. None: the machine has only begun to count."""

There = Mapping[NodeId, RayNodeId]
"""The Ray node of each node that is present."""


class Meters(Protocol):
    """Samples machines."""

    def ask(self, ray_node: RayNodeId, tell: Callable[[Answer], None]) -> None:
        """Ask the machine of this Ray node for a sample. `tell` receives the answer later, or
        never, in any thread. The machine is not asked again before that."""

    def drop(self, ray_node: RayNodeId) -> None:
        """Forget the Ray node. It is gone, or is not asked any more."""


class Sampling:
    """Asks every machine for a sample every `every_s` seconds, within its context. `take` has the
    answers.

    Nodes at one address are one machine. It is asked once, and each of them gets its answer.
    `there` gives the nodes that are present, and `host_of` the address of a Ray node. A silent
    machine is not asked again. A machine that fails is asked up to `MOST_FAILURES` times. Then a
    warning names its nodes.
    """

    def __init__(
        self, meters: Meters, there: Callable[[], There], host_of: Callable[[RayNodeId], str], every_s: float
    ) -> None:
        self._meters = meters
        self._there = there
        self._host_of = host_of
        self._every_s = every_s
        self._asked: dict[str, RayNodeId] = {}  # by address
        self._waits_for: set[RayNodeId] = set()
        self._failures: Counter[RayNodeId] = Counter()
        self._answers: SimpleQueue[tuple[There, NodeUse]] = SimpleQueue()
        self._over = Event()
        self._thread = Thread(target=self._ask_until_over, name="sampling", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=1.0)  # it may hang in a GPU's driver: the thread ends with the process

    def take(self) -> list[tuple[NodeId, NodeUse]]:
        """The samples since the previous call, for nodes that are present. Never waits."""
        taken: list[tuple[NodeId, NodeUse]] = []
        while True:
            try:
                nodes, use = self._answers.get_nowait()
            except Empty:
                return taken
            there = self._there()
            taken += [(node, use) for node, ray_node in nodes.items() if there.get(node) == ray_node]

    def ask_all(self) -> None:
        """Ask every machine that has answered the previous request."""
        machines: dict[str, dict[NodeId, RayNodeId]] = {}
        for node, ray_node in self._there().items():
            machines.setdefault(self._host_of(ray_node), {})[node] = ray_node
        for host, nodes in machines.items():
            if self._asked.get(host) not in nodes.values():
                self._drop(host)
                self._asked[host] = next(iter(nodes.values()))
            asked = self._asked[host]
            if asked not in self._waits_for and self._failures[asked] < MOST_FAILURES:
                self._waits_for.add(asked)
                self._meters.ask(asked, partial(self._answered, asked, nodes))
        for host in self._asked.keys() - machines.keys():
            self._drop(host)

    def _drop(self, host: str) -> None:
        if (gone := self._asked.pop(host, None)) is not None:
            self._waits_for.discard(gone)
            self._failures.pop(gone, None)
            self._meters.drop(gone)

    def _answered(self, asked: RayNodeId, nodes: There, answer: Answer) -> None:
        self._waits_for.discard(asked)
        if isinstance(answer, Exception):
            self._failures[asked] += 1
            if self._failures[asked] == MOST_FAILURES:
                names, reason = ", ".join(nodes), next(iter(str(answer).splitlines()), type(answer).__name__)
                logger.warning("what is used of %s is not sampled any more: %s", names, reason)
            return
        self._failures.pop(asked, None)
        if answer is not None:
            self._answers.put((nodes, answer))

    def _ask_until_over(self) -> None:
        while True:
            try:
                self.ask_all()
            except Exception as error:  # Ray is out of reach: the run will say so, if it matters
                if not self._over.is_set():
                    logger.warning("what nodes use is not sampled any more: %s: %s", type(error).__name__, error)
                return
            if self._over.wait(self._every_s):
                return


class OwnMeters:
    """Samples this process's machine, which has all Ray nodes."""

    def __init__(self) -> None:
        self._meter = NodeMeter()

    def ask(self, ray_node: RayNodeId, tell: Callable[[Answer], None]) -> None:
        """See the protocol."""
        try:
            answer: Answer = self._meter.use()
        except Exception as error:
            answer = error
        tell(answer)

    def drop(self, ray_node: RayNodeId) -> None:
        """See the protocol. Other Ray nodes are on the same machine, so nothing is to be done."""
