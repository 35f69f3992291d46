"""Faults: failures, slow spells, departures and late arrivals, as the scenario's `[faults]` says.

Every node, worker and trial has its own random numbers for every kind of fault. So the faults of a
node do not depend on what a policy does with it. They do not depend on the faults of another node
either.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Generator
from math import inf
from typing import Any, Protocol

import numpy as np
import simpy

from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.random_streams import stream
from hetsched.domain.workload import TrialId
from hetsched.scenario.tables import FaultsTable, PlannedFault

Process = Generator[simpy.Event, Any, None]


class Afflicted(Protocol):
    """The simulation, on which faults act."""

    def leave(self, workers: Collection[WorkerId], reason: str, node: NodeId | None) -> None: ...
    def join(self, workers: Collection[Worker]) -> None: ...
    def drain(self, workers: Collection[WorkerId], until: float, reason: str) -> None: ...
    def slow_down(self, worker: WorkerId, factor: float) -> None: ...


class Faults:
    """Times between faults, times to a repair and lengths of slow spells. All are exponential, with
    the scenario's means.

    - nodes, workers: they fail, and lose what they run. After a repair they join again, cold.
    - trials: a trial crashes after a time of its own on workers. The segment is lost, and the
      worker is cold.
    - stragglers: a worker takes `factor` times as long for a while, also within a segment.
    - spot: a node leaves after a notice, and comes back later. After the notice nothing new starts
      on it.
    - late: a node joins only at a later time.
    - planned: a worker dies, or a node leaves, at a given time.

    A worker is present if nothing keeps it away. It is away if it has failed, if its node has
    failed, or if its spot node is under notice. Several of these may hold at once.
    """

    def __init__(self, table: FaultsTable, workers: Collection[Worker], seed: int, afflicted: Afflicted) -> None:
        self._table = table
        self._seed = seed
        self._afflicted = afflicted
        self._workers = {worker.id: worker for worker in workers}
        self._of_node: defaultdict[NodeId, list[WorkerId]] = defaultdict(list)
        for worker in workers:
            self._of_node[worker.node].append(worker.id)
        self._absences: Counter[WorkerId] = Counter()
        self._notices: Counter[WorkerId] = Counter()
        self._gone: set[WorkerId] = set()  # for good, or soon to be
        self._to_crash_s: dict[TrialId, float] = {}
        self._crashes: dict[TrialId, np.random.Generator] = {}
        self.late = {w for node in table.late for w in self._of_node[NodeId(node)]}
        self._absences.update(self.late)

    @property
    def expected(self) -> bool:
        """Whether any fault can happen."""
        return self._table != FaultsTable()

    @property
    def returning(self) -> list[Worker]:
        """The workers that are away, or about to leave, and will join again."""
        away = self._absences + self._notices
        return [self._workers[worker] for worker in away if worker not in self._gone]

    def start(self, env: simpy.Environment) -> None:
        """Start the processes that cause faults."""
        table = self._table
        for node, joins_s in table.late.items():
            env.process(self._join_late(env, self._of_node[NodeId(node)], joins_s))
        for fault in table.planned:
            env.process(self._happen(env, fault))
        for node, workers in self._of_node.items():
            if table.nodes is not None:
                rng = stream(self._seed, "node-failures", node)
                env.process(self._fail(env, rng, workers, node, f"node {node} failed", *table.nodes.times))
            if table.spot is not None and table.spot.has(node):
                env.process(self._reclaim(env, stream(self._seed, "spot", node), workers, node))
        for worker in self._workers:
            if table.workers is not None:
                rng = stream(self._seed, "worker-failures", worker)
                env.process(self._fail(env, rng, [worker], None, f"worker {worker} failed", *table.workers.times))
            if table.stragglers is not None:
                env.process(self._straggle(env, stream(self._seed, "stragglers", worker), worker))

    def seconds_to_crash(self, trial: TrialId) -> float:
        """Seconds of its time on workers until the trial crashes."""
        if self._table.trials is None:
            return inf
        if trial not in self._to_crash_s:
            self._crashes[trial] = stream(self._seed, "trial-crashes", trial)
            self._to_crash_s[trial] = self._crashes[trial].exponential(self._table.trials.mean_between_s)
        return self._to_crash_s[trial]

    def trained(self, trial: TrialId, seconds: float, crashed: bool = False) -> None:
        """Record the trial's seconds on workers, and whether it crashed."""
        if self._table.trials is not None:
            mean_s = self._table.trials.mean_between_s
            left_s = self._to_crash_s[trial] - seconds
            self._to_crash_s[trial] = self._crashes[trial].exponential(mean_s) if crashed else max(0.0, left_s)

    def _join_late(self, env: simpy.Environment, workers: Collection[WorkerId], joins_s: float) -> Process:
        yield env.timeout(joins_s)
        self._give_back(workers)

    def _happen(self, env: simpy.Environment, fault: PlannedFault) -> Process:
        """Carry out a planned fault. A worker whose process is killed joins again at once, cold."""
        yield env.timeout(fault.at_s)
        node = None if fault.node is None else NodeId(fault.node)
        workers = [WorkerId(fault.worker or "")] if node is None else self._of_node[node]
        self._take(workers, node, f"node {node} failed" if node else f"worker {workers[0]} was killed")
        if fault.back_s is not None:
            yield env.timeout(fault.back_s - fault.at_s)
        self._give_back(workers)

    def _fail(
        self,
        env: simpy.Environment,
        rng: np.random.Generator,
        workers: Collection[WorkerId],
        node: NodeId | None,
        reason: str,
        between_s: float,
        repair_s: float,
    ) -> Process:
        while True:
            yield env.timeout(rng.exponential(between_s))
            self._take(workers, node, reason)
            yield env.timeout(rng.exponential(repair_s))
            self._give_back(workers)

    def _reclaim(
        self, env: simpy.Environment, rng: np.random.Generator, workers: Collection[WorkerId], node: NodeId
    ) -> Process:
        spot = self._table.spot
        assert spot is not None
        while True:
            yield env.timeout(rng.exponential(spot.mean_between_s))
            if spot.away_s is None:
                self._gone.update(workers)
            reason = f"spot node {node} was reclaimed"
            self._notices.update(workers)
            self._afflicted.drain(workers, env.now + spot.notice_s, reason)
            yield env.timeout(spot.notice_s)
            self._notices.subtract(workers)
            self._take(workers, node, reason)
            if spot.away_s is None:
                return
            yield env.timeout(rng.exponential(spot.away_s))
            self._give_back(workers)

    def _straggle(self, env: simpy.Environment, rng: np.random.Generator, worker: WorkerId) -> Process:
        stragglers = self._table.stragglers
        assert stragglers is not None
        while True:
            yield env.timeout(rng.exponential(stragglers.mean_between_s))
            self._afflicted.slow_down(worker, stragglers.factor)
            yield env.timeout(rng.exponential(stragglers.mean_duration_s))
            self._afflicted.slow_down(worker, 1.0)

    def _take(self, workers: Collection[WorkerId], node: NodeId | None, reason: str) -> None:
        """Add a reason for these workers to be away. `node` is named if they are all of its
        workers."""
        leaving = [worker for worker in workers if not self._absences[worker]]
        self._absences.update(workers)
        self._afflicted.leave(leaving, reason, node)

    def _give_back(self, workers: Collection[WorkerId]) -> None:
        """Remove a reason for these workers to be away."""
        self._absences.subtract(workers)
        there = [worker for worker in workers if not self._absences[worker] and not self._notices[worker]]
        self._afflicted.join([self._workers[worker] for worker in there])
