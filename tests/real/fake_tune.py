"""A fake of Tune and Ray in one process, seeded: nodes, actors, messages, files and time, and all that goes wrong.

The driver is real, and so are its log and its files. `World` is what outlives a driver: nodes, the disk and time.
`FakeTune` stands for Tune and the actors of one driver, and dies with it.
"""

import heapq
import io
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from errno import ENOSPC
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from hetsched.core.log import LogWriter
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.workload import TrialId
from real.checkpoints.snapshot import Copy
from real.cluster.matching import RayNodeId
from real.resources.node_meter import NodeUse
from real.tune.driver import Driver
from real.tune.messages import Assignment, Failure, Next, SegmentResult, What

STEP_S = 0.1
"""Tune waits for a message no longer than this before it asks the scheduler again, in seconds."""

INDEX_SCORE = 1e-6
"""The part of a score that tells trials apart; the rest is how many iterations are in the weights, in thousandths."""


SAMPLE_EVERY_S = 1.0
"""How often nodes are sampled, in seconds."""

LATE_S = 0.03
"""How late a worker is against its pace in a segment that ends at an odd number of iterations, in seconds."""


class KilledError(KeyboardInterrupt):
    """The driver was killed, wherever it was. Like a second Ctrl-C, nothing of the driver catches it."""


@dataclass
class Node:
    """A machine. `ray_node` changes with every start; `seen` is what Ray believes, which lags behind."""

    id: NodeId
    ray_node: RayNodeId
    alive: bool = True
    hung_until: float = 0.0
    seen: bool = True


@dataclass
class World:
    """What outlives a driver. `faults` may be turned off, so that a run can come to its end, and `samples`, too."""

    rng: random.Random
    nodes: dict[NodeId, Node]
    now: float = 0.0
    disk_full: bool = False
    faults: bool = True
    samples: bool = True
    sampled_at: float = 0.0
    trained: int = 0
    damaged: int = 0
    deaths: int = 0
    filled: int = 0
    stores_lost: int = 0
    store: dict[int, tuple[RayNodeId, int]] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=count)

    def time(self) -> float:
        """Seconds since the world began."""
        return self.now

    def ray_node(self, node: NodeId) -> RayNodeId:
        """A new name for a Ray node of this node."""
        return RayNodeId(f"{node}#{next(self.numbers)}")


class FullableLog(LogWriter):
    """A log on the disk of the world."""

    def __init__(self, path: Path, world: World) -> None:
        super().__init__(path, appends=True)
        self._world = world

    def _append(self, lines: bytes, end: int) -> None:
        if self._world.disk_full and self._reserve.exists():
            raise OSError(ENOSPC, "No space left on device", str(self.path))
        super()._append(lines, end)


@dataclass
class Actor:
    """The process of a worker. `held` is the state in its memory: the file that stands for it, and its iterations."""

    worker: Worker
    ray_node: RayNodeId
    alive: bool = True
    held: tuple[TrialId, Path, int] | None = None
    assigned: Assignment | None = None
    writing: Path | None = None
    snapshot: int | None = None


@dataclass(frozen=True)
class Answer:
    """What a call leads to that `needs` these Ray nodes."""

    needs: set[RayNodeId]
    act: Callable[[], Exception | None]

    def given(self, there: Set[RayNodeId]) -> Exception | None:
        """What the call failed of, None if it did not, when these Ray nodes answer."""
        return self.act() if self.needs <= there else ConnectionError("a node does not answer")


@dataclass(order=True)
class Message:
    """Something that reaches the driver, or happens in the world, at `time`."""

    time: float
    number: int
    act: Callable[[], None] = field(compare=False)


class FakeTune:
    """Tune and the actors of one driver: `Actors`, `Resources` and `Probe` for the driver, `run` for the test.

    Like Tune, it starts only trials that wait, and what concerns a trial that was taken back reaches nobody, but for
    results that come again.
    """

    def __init__(self, world: World, workers: Sequence[Worker], place: str, trials: Sequence[TrialId]) -> None:
        self.ended = False
        self._world = world
        self._rng = world.rng
        self._place = place
        self._workers = {worker.id: worker for worker in workers}
        self._index = {trial: number for number, trial in enumerate(trials)}
        self._waiting = set(trials)
        self._stopped: set[TrialId] = set()
        self._places: dict[WorkerId, RayNodeId] = {}
        self._actors: dict[WorkerId, Actor] = {}
        self._on: dict[TrialId, WorkerId] = {}
        self._life: dict[TrialId, int] = {}
        self._asked: dict[RayNodeId, float] = {}
        self._messages: list[Message] = []

    # The course of things.

    def run(self, driver: Driver, faults: Callable[["FakeTune"], None]) -> None:
        """Let the driver carry the run out. `faults` is called in every step."""
        self._driver = driver
        driver.begin()
        while not self.ended and len(self._stopped) < len(self._index):
            driver.step()
            faults(self)
            until = self._world.now + STEP_S
            while self._messages and self._messages[0].time <= until and not self.ended:
                message = heapq.heappop(self._messages)
                self._world.now = max(self._world.now, message.time)
                message.act()
                if self._rng.random() < 0.8:  # seldom, much comes at once
                    break
            else:
                self._world.now = max(self._world.now, until)

    def sleep(self, seconds: float) -> None:
        """The driver waits: files are completed meanwhile, and nothing reaches it."""
        self._world.now += seconds
        for actor in self._actors.values():
            self._try(partial(self._complete_file, actor))

    def later(self, mean_s: float, act: Callable[[], None]) -> None:
        """Have something happen after a random time."""
        due = self._world.now + self._rng.expovariate(1 / mean_s)
        heapq.heappush(self._messages, Message(due, next(self._world.numbers), act))

    def _reaches(self, trial: TrialId, act: Callable[[], None]) -> Callable[[], None]:
        """Something about a trial that is dropped if the trial was taken back, or failed, in the meantime."""
        life = self._life.get(trial, 0)

        def if_current() -> None:
            if self._life.get(trial, 0) == life:
                act()

        return if_current

    # Orders of the driver: `real.tune.ports.Actors`.

    def open(self, worker: WorkerId, ray_node: RayNodeId) -> None:
        assert worker not in self._places, "opened twice"
        self._places[worker] = ray_node

    def close(self, worker: WorkerId) -> None:
        del self._places[worker]
        self._kill(worker)

    def start(self, trial: TrialId, worker: WorkerId) -> None:
        assert trial in self._waiting, f"{trial} does not wait"
        assert worker in self._places, f"{worker} is not there"
        assert worker not in self._on.values(), f"{worker} has a trial"
        self._waiting.discard(trial)
        self._on[trial] = worker
        is_late = self._rng.random() < 0.1 and self._world.faults
        self.later((10.0 if is_late else 1.0) if worker not in self._actors else 0.02, self._ready(trial, worker))

    def _ready(self, trial: TrialId, worker: WorkerId) -> Callable[[], None]:
        def ready() -> None:
            node = self._world.nodes[self._workers[worker].node]
            if self._world.now < node.hung_until:
                self.later(1.0, self._ready(trial, worker))
                return
            if not node.alive or node.ray_node != self._places[worker]:
                return  # what waits for a node that is gone waits until it is taken back
            actor = self._actors.get(worker)
            fresh = actor is None
            if actor is None:
                actor = self._actors[worker] = Actor(self._workers[worker], node.ray_node)
            actor.assigned = None
            self._driver.started(trial, fresh=fresh)
            self._train(trial, worker)

        return self._reaches(trial, ready)

    def assign(self, assignment: Assignment) -> None:
        self._actors[self._on[assignment.trial]].assigned = assignment

    def pause(self, trial: TrialId) -> None:
        del self._on[trial]
        self._waiting.add(trial)

    def take_back(self, trial: TrialId) -> None:
        self._on.pop(trial, None)
        self._life[trial] = self._life.get(trial, 0) + 1
        self._waiting.add(trial)

    def stop(self, trial: TrialId) -> None:
        assert trial in self._waiting, f"{trial} does not wait"
        self._waiting.discard(trial)
        self._stopped.add(trial)

    def snapshot(self, trial: TrialId) -> Any:
        return self._actors[self._on[trial]].snapshot

    def write(self, worker: WorkerId, copy: Copy, path: Path) -> Any:
        if worker not in self._actors:
            return ConnectionError(f"{path}: the actor is gone")
        return Answer({copy.ray_node}, partial(self._write, copy, path))

    def write_without_actor(self, worker: WorkerId, copy: Copy, path: Path) -> Any:
        return Answer({copy.ray_node, self._places[worker]}, partial(self._write, copy, path))

    def _write(self, copy: Copy, path: Path) -> Exception | None:
        content = self._world.store.get(copy.reference)
        if content is None:
            return ConnectionError(f"{path}: its copy is gone")
        return self._try(lambda: self._save(path, content[1]))

    def flush(self, worker: WorkerId) -> Any:
        if worker not in self._actors:
            return ConnectionError("the actor is gone")
        return self._try(lambda: self._complete_file(self._actors[worker]))

    def _try(self, act: Callable[[], None]) -> Exception | None:
        try:
            act()
        except OSError as error:
            return error
        return None

    def outcomes(self, answers: Sequence[Any], timeout_s: float) -> list[Exception | None]:
        """Nodes that hang may answer in time. Everything else is answered at once."""
        known = {node.ray_node: node for node in self._world.nodes.values() if node.alive}
        needed = {ray_node for answer in answers if isinstance(answer, Answer) for ray_node in answer.needs}
        due = max((known[ray_node].hung_until for ray_node in needed & known.keys()), default=0.0)
        self._world.now = max(self._world.now, min(due, self._world.now + timeout_s))
        there = {ray_node for ray_node, node in known.items() if node.hung_until <= self._world.now}
        return [answer.given(there) if isinstance(answer, Answer) else answer for answer in answers]

    def end(self) -> None:
        self.ended = True

    # What nodes use: `real.tune.ports.Resources`. Nothing is drawn, so that runs are the same without samples.

    def take(self) -> list[tuple[NodeId, NodeUse]]:
        world = self._world
        if not world.samples or world.now - world.sampled_at < SAMPLE_EVERY_S:
            return []
        world.sampled_at = world.now
        use = NodeUse(0.5, 2**30, 2**34)
        return [(node.id, use) for node in world.nodes.values() if node.alive and world.now > node.hung_until]

    # What Ray knows of nodes: `real.cluster.nodes.Probe`.

    def present(self, kept: Mapping[NodeId, RayNodeId]) -> dict[NodeId, RayNodeId]:
        return {node.id: node.ray_node for node in self._world.nodes.values() if node.seen}

    def ask(self, ray_node: RayNodeId) -> None:
        self._asked[ray_node] = self._world.now + self._rng.expovariate(1.0)

    def answered(self, ray_node: RayNodeId) -> bool:
        node = next((node for node in self._world.nodes.values() if node.ray_node == ray_node), None)
        return node is not None and node.alive and self._world.now > max(self._asked[ray_node], node.hung_until)

    # Actors at work.

    def _train(self, trial: TrialId, worker: WorkerId) -> None:
        actor = self._actors[worker]
        work, actor.assigned = actor.assigned, None
        if self.ended or self._driver.error is not None:
            return
        assert work is not None, f"{worker} was told to train {trial} without an assignment"
        batch_size = work.hyperparameters.get("batch_size", work.batch_size)
        assert work.batch_size == batch_size, "the batch size is another than PBT says"
        held, actor.held = actor.held, None
        try:
            before = 0 if work.restore is None else self._restored(actor, work, held)
        except ValueError as error:
            self.later(0.05, self._failed(trial, What.CHECKPOINT, error))
            return
        seconds = work.iterations * self._rng.uniform(0.05, 0.2)
        self.later(seconds, self._reaches(trial, lambda: self._trained(actor, work, before + work.iterations)))

    def _restored(self, actor: Actor, work: Assignment, held: tuple[TrialId, Path, int] | None) -> int:
        """How many iterations are in the weights that the trial goes on from."""
        assert work.restore is not None
        if held is not None and held[:2] == (work.trial, work.restore):
            return held[2]
        if work.copy is not None and work.copy.reference in self._world.store:
            return self._world.store[work.copy.reference][1]
        try:
            with zipfile.ZipFile(work.restore) as archive:
                return int(archive.read("iterations"))
        except (OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"{work.restore}: {error}") from error

    def _trained(self, actor: Actor, work: Assignment, iterations: int) -> None:
        if not actor.alive:
            return
        self._world.trained += 1
        try:
            self._keep(actor, work, iterations)
        except OSError as error:
            self.later(0.05, self._failed(work.trial, What.TRAINING, error))
            return
        actor.held = (work.trial, work.save, iterations)
        score = iterations / 1000 + self._index[work.trial] * INDEX_SCORE
        late_s = LATE_S if iterations % 2 else 0.0
        metrics = {"accuracy": score, "loss": None if iterations % 5 == 0 else 1 - score}
        result = SegmentResult(actor.worker.id, actor.ray_node, work.attempt, metrics, 0.0, 0.1, 0.0, 0.0, 0.0, late_s)
        deliver = self._reaches(work.trial, lambda: self._deliver(actor, work.trial, result))
        if self._world.faults and self._rng.random() < 0.02:  # nobody ever hears of it
            self.later(1.0, self._failed(work.trial, self._rng.choice([What.CONNECTION, What.ACTOR]), OSError("lost")))
            return
        self.later(2.0 if self._world.faults and self._rng.random() < 0.1 else 0.01, deliver)

    def _keep(self, actor: Actor, work: Assignment, iterations: int) -> None:
        """Put the state where checkpoints are kept."""
        if self._place == "storage":
            self._save(work.save, iterations)
            return
        self._complete_file(actor)
        actor.snapshot = next(self._world.numbers)
        self._world.store[actor.snapshot] = (actor.ray_node, iterations)
        if self._place == "both":
            actor.writing, actor.held = work.save, (work.trial, work.save, iterations)
            self.later(0.3 if self._rng.random() < 0.8 else 3.0, lambda: self._complete_in_background(actor, work.save))

    def _complete_in_background(self, actor: Actor, path: Path) -> None:
        if actor.alive and actor.writing == path:
            self._try(lambda: self._complete_file(actor))  # a full disk is told by the next call

    def _complete_file(self, actor: Actor) -> None:
        if actor.writing is not None and actor.alive and actor.snapshot is not None:
            self._save(actor.writing, self._world.store[actor.snapshot][1])
            actor.writing = None

    def _save(self, path: Path, iterations: int) -> None:
        if self._world.disk_full:
            raise OSError(ENOSPC, "No space left on device", str(path))
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("iterations", str(iterations))
        path.write_bytes(content.getvalue())

    # What reaches the driver.

    def _deliver(self, actor: Actor, trial: TrialId, result: SegmentResult) -> None:
        if not actor.alive:
            return
        after = self._driver.ended(trial, result)
        if self._world.faults and self._rng.random() < 0.1:
            self.later(1.0, lambda: self._again(trial, result))
        if after is Next.GOES_ON:
            self._train(trial, actor.worker.id)
        elif after is Next.WAITS:
            self.pause(trial)
        elif after is Next.COMPLETED:
            del self._on[trial]
            self._stopped.add(trial)

    def _again(self, trial: TrialId, result: SegmentResult) -> None:
        """A result that was delivered long ago comes once more, whatever has become of its trial."""
        if trial not in self._stopped:
            assert self._driver.ended(trial, result) is Next.IGNORED, "a result counted twice"

    def _failed(self, trial: TrialId, what: What, cause: Exception) -> Callable[[], None]:
        def fail() -> None:
            worker = self._on.pop(trial)
            self._life[trial] = self._life.get(trial, 0) + 1
            if what in (What.ACTOR, What.CONNECTION):
                self._world.deaths += 1
                self._kill(worker)
            self._driver.failed(trial, Failure(what, cause, f"{type(cause).__name__}: {cause}"))
            self._waiting.add(trial)

        return self._reaches(trial, fail)

    # Faults.

    def kill_worker(self, worker: WorkerId) -> None:
        """The process of a worker dies; the driver hears of it later, if a trial is there."""
        if worker in self._actors:
            self._world.deaths += 1
            self._kill(worker)
            for trial in [trial for trial, on in self._on.items() if on == worker]:
                self._doom(trial, 0.3, What.ACTOR, "the process died")

    def kill_node(self, node: NodeId) -> None:
        """A node dies with its processes and its object store, and is started anew some time later."""
        known = self._world.nodes[node]
        if not known.alive:
            return
        known.alive = False
        self._world.deaths += 1
        self._world.stores_lost += 1
        self._forget_store(known.ray_node)
        for worker in [worker for worker, actor in self._actors.items() if actor.worker.node == node]:
            self._kill(worker)
            for trial in [trial for trial, on in self._on.items() if on == worker]:
                what = self._rng.choice([What.ACTOR, What.CONNECTION])
                self._doom(trial, 1.0, what, "the node died")
        self.later(2.0, lambda: setattr(known, "seen", known.alive))
        self.later(8.0, lambda: self._start_node(known))

    def hang_node(self, node: NodeId) -> None:
        """A node does not answer for a while, and its processes are gone."""
        known = self._world.nodes[node]
        known.hung_until = self._world.now + self._rng.expovariate(1 / 5)
        self._world.deaths += 1
        for worker in [worker for worker, actor in self._actors.items() if actor.worker.node == node]:
            self._kill(worker)
            for trial in [trial for trial, on in self._on.items() if on == worker]:
                self._doom(trial, 1.0, What.CONNECTION, "the node does not answer")

    def _start_node(self, node: Node) -> None:
        start_node(self._world, node)

    def _doom(self, trial: TrialId, mean_s: float, what: What, why: str) -> None:
        """The actor that has the trial is dead: all that comes of the trial is that it failed."""
        self._life[trial] = self._life.get(trial, 0) + 1
        self.later(mean_s, self._failed(trial, what, OSError(why)))

    def _forget_store(self, ray_node: RayNodeId) -> None:
        store = self._world.store
        for reference in [reference for reference, (where, _) in store.items() if where == ray_node]:
            del store[reference]

    def _kill(self, worker: WorkerId) -> None:
        if (actor := self._actors.pop(worker, None)) is not None:
            actor.alive = False


def start_node(world: World, node: Node) -> None:
    """A node that died is another Ray node when it comes back."""
    if not node.alive:
        node.ray_node, node.alive, node.seen = world.ray_node(node.id), True, True
