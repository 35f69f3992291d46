"""The actor of a worker. One step of this trainable is one whole segment of any trial."""

import logging
import os
import pickle
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import ray
from ray import tune
from ray.exceptions import RayError

from hetsched.cores import available_cores
from hetsched.domain.cluster import Worker
from hetsched.domain.workload import Place, TrialId
from hetsched.errors import InputError, where
from real.checkpoints.snapshot import Copy
from real.checkpoints.write_behind import WriteBehind
from real.cluster.host_cores import Cores
from real.cluster.matching import RayNodeId
from real.training.trainer import Settings, Snapshot, Trainer, make, writer
from real.tune.messages import Assignment
from real.tune.reported import checked
from real.tune.segment_times import seconds_late

FETCH_S = 60.0
"""Seconds to wait for a snapshot from another node. Ray reports a lost snapshot sooner."""
logger = logging.getLogger(__name__)


class Plan(msgspec.Struct, frozen=True):
    """What an actor needs to know in order to be its worker.

    `pace_s` is how many seconds an iteration takes at least, by batch size. None: the worker runs
    as fast as it can. `place` is where checkpoints are kept (see
    `hetsched.scenario.tables.CheckpointsTable`). `cores` are the numbers of the worker's cores on
    its host (see `real.cluster.host_cores`).
    """

    worker: Worker
    settings: Settings
    pace_s: dict[int, float] | None
    place: Place
    cores: Cores = (0,)


class SegmentTrainable(tune.Trainable):
    """Lives as long as its worker, so that device, threads and images are set up only once.

    It trains with a `real.training.trainer.Trainer`. Tune's config has the pickled `plan`. Every
    call of `train` has an assignment, which says all that differs between trials. So Tune need not
    reset the actor (see `real.ray_internals.orders`). Tune's own checkpoints are not used.
    """

    def setup(self, config: dict[str, Any]) -> None:
        self._plan: Plan = pickle.loads(config["plan"])
        self._assignment: Assignment | None = None
        self._held: tuple[TrialId, Path] | None = None
        self._trainer: Trainer | None = None
        self._ray_node = RayNodeId(ray.get_runtime_context().get_node_id())
        self._snapshot: Snapshot | None = None
        self._hand_over_began = self._hand_over_s = 0.0
        self._behind = WriteBehind(lambda snapshot, path: self._made().write(snapshot, path))
        self._obstacle: Exception | None = None
        threads = len(pin(self._plan.cores))
        try:
            self._trainer = make(self._plan.settings, self._plan.worker, threads)
        except ValueError as error:
            refused = f"the trainer of {self._plan.settings.model!r} refused its settings{where(error)}"
            self._obstacle = InputError(f"{refused}: {error}")
        except Exception as error:  # raised by the first step: of an actor that does not start, Ray keeps only a text
            self._obstacle = error

    def train(self, assignment: Assignment | None) -> Any:  # type: ignore[override]
        """Carry out the assignment, as one step."""
        self._assignment = assignment
        return super().train()  # type: ignore[no-untyped-call]

    def step(self) -> dict[str, Any]:
        """Carry out one segment. An error of a user's trainer gets a note that says where it was
        raised."""
        try:
            return self._segment()
        except Exception as error:
            if place := where(error):
                error.add_note(place)
            raise

    def _segment(self) -> dict[str, Any]:
        """Restore if necessary, train, evaluate and save. The result has the seconds of each of
        these, and the seconds of handing over the state before this segment."""
        work, self._assignment = self._assignment, None
        assert work is not None, "Tune trains only what was assigned"
        trainer = self._made()
        self._behind.check()
        hand_over_s, self._hand_over_s = self._hand_over_s, 0.0
        start = perf_counter()
        self._take_up(trainer, work)
        restored = perf_counter()
        pace_s = None if self._plan.pace_s is None else self._plan.pace_s[work.batch_size]
        trainer.train(work.iterations, pace_s, work.batch_size)
        trained = perf_counter()
        metrics = checked(trainer.evaluate(), self._plan.settings.model)
        evaluated = perf_counter()
        self._keep(trainer, work.save)
        self._held = (work.trial, work.save)
        saved = perf_counter()
        return {
            "metrics": metrics,
            "restore_s": restored - start,
            "train_s": trained - restored,
            "evaluate_s": evaluated - trained,
            "checkpoint_s": saved - evaluated,
            "hand_over_s": hand_over_s,
            "late_s": 0.0 if pace_s is None else seconds_late(trained - restored, work.iterations, pace_s),
            "worker": self._plan.worker.id,
            "ray_node": self._ray_node,
            "attempt": work.attempt,
            "restored": None if work.restore is None else work.restore.name,
            "hyperparameters": dict(work.hyperparameters),
            "timesteps_total": work.total,  # where Tune's loggers put the result
        }

    def _made(self) -> Trainer:
        """The trainer. Raises the error that kept it from being made."""
        if self._trainer is None:
            assert self._obstacle is not None
            raise self._obstacle
        return self._trainer

    def _keep(self, trainer: Trainer, path: Path) -> None:
        """Save the trial's state at the place of checkpoints."""
        if self._plan.place == "storage":
            trainer.save(path)
            return
        self._snapshot = trainer.snapshot()
        if self._plan.place == "both":
            self._behind.write(self._snapshot, path)

    def snapshot(self) -> Snapshot | None:
        """The state at the end of the last segment. Ray makes what an actor returns the property of
        the caller: it outlives the actor, in the object store of the actor's node."""
        snapshot, self._snapshot = self._snapshot, None
        self._hand_over_began = perf_counter()
        return snapshot

    def handed_over(self) -> None:
        """Called right after `snapshot`, to measure how long Ray took to store its result."""
        self._hand_over_s = perf_counter() - self._hand_over_began

    def write(self, copy: Copy, path: Path) -> None:
        """Write a snapshot of this or another actor to storage."""
        self._made().write(ray.get(copy.reference, timeout=FETCH_S), path)

    def flush(self) -> None:
        """Wait until every file is complete in storage."""
        self._behind.flush()

    def _take_up(self, trainer: Trainer, work: Assignment) -> None:
        """Load the trial's state into memory, unless the last segment here has left it there."""
        held, self._held = self._held, None  # a segment that breaks leaves nothing to go on from
        if work.restore is None:
            trainer.reset(work.hyperparameters, work.seed)
        elif held == (work.trial, work.restore):
            trainer.configure(work.hyperparameters)
        elif (snapshot := self._fetched(work.copy, work.restore)) is not None:
            trainer.take_up(snapshot, work.hyperparameters, work.seed)
        else:
            trainer.load(work.restore, work.hyperparameters, work.seed)

    def _fetched(self, copy: Copy | None, file: Path) -> Snapshot | None:
        """The snapshot. None: there is none, it was lost, or the file is as good.

        Reading a file is as fast as copying from another node. The other node may be out of reach,
        and Ray takes long to report that.
        """
        if copy is None or (copy.ray_node != self._ray_node and file.exists()):
            return None
        try:
            snapshot: Snapshot | None = ray.get(copy.reference, timeout=FETCH_S)
        except RayError as error:
            logger.warning("cannot get the snapshot of %s from the object store, so the file is read: %s", file, error)
            return None
        return snapshot


def write_apart(plan: Plan, snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot to storage in this process, as the worker's actor would. That needs no
    GPU."""
    writer(plan.settings, plan.worker)(snapshot, path)


def pin(numbers: Cores) -> set[int]:
    """Confine this process to the host's cores with these numbers. Returns the cores.

    After the last core comes the first one. If two numbers are one core, the worker gets the next
    core that it lacks. A worker with more cores than the host has gets all cores.
    """
    if not hasattr(os, "sched_setaffinity"):  # neither macOS nor Windows can
        return set(range(min(len(numbers), os.cpu_count() or 1)))
    available = available_cores()
    cores: set[int] = set()
    for number in numbers:
        at = number % len(available)
        cores.add(next((core for core in available[at:] + available[:at] if core not in cores), available[at]))
    os.sched_setaffinity(0, cores)
    return cores
