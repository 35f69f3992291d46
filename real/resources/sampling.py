"""Samples of all nodes while a run goes on, taken beside the driver, which never waits for them."""

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
"""A machine that has failed to answer so often in a row is not asked any more."""

Answer = NodeUse | Exception | None
"""None: the machine has only begun to count."""

There = Mapping[NodeId, RayNodeId]
"""The Ray nodes of nodes."""


class Meters(Protocol):
    """What samples machines."""

    def ask(self, ray_node: RayNodeId, tell: Callable[[Answer], None]) -> None:
        """Have the machine of this Ray node sampled. The result arrives sooner or later, or never, in any thread.
        It is not asked again before that."""

    def drop(self, ray_node: RayNodeId) -> None:
        """The Ray node is gone, or asked no more."""


class Sampling:
    """Asks every machine every `every_s` seconds, from `with` to its end; `take` has what was answered.

    Nodes at one address are one machine: it is asked once, and all of them get its answer. `there` are the nodes that
    are there now, `host_of` tells the address of a Ray node. A machine that is silent is waited for. One that fails is
    asked again, `MOST_FAILURES` times; then a warning names its nodes.
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
        """What was answered since the last call, for nodes that are there. Never waits."""
        taken: list[tuple[NodeId, NodeUse]] = []
        while True:
            try:
                nodes, use = self._answers.get_nowait()
            except Empty:
                return taken
            there = self._there()
            taken += [(node, use) for node, ray_node in nodes.items() if there.get(node) == ray_node]

    def ask_all(self) -> None:
        """Ask every machine that has answered what it was asked before."""
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
    """Samples the machine of this process, which all Ray nodes are on."""

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
        """See the protocol: another Ray node is on the same machine."""
