"""Where the states of trials are: held in memory, written in the background, and saved when the run
ends."""

import logging
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import CheckpointLost
from hetsched.core.log import LogWriter
from hetsched.core.state import State
from hetsched.core.trial import Segment, Trial
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import Place, TrialId
from real.checkpoints.generations import Checkpoints
from real.checkpoints.snapshot import Copy
from real.cluster.matching import RayNodeId
from real.tune.clock import Clock
from real.tune.ports import PBT, Actors
from real.tune.stopping import Stopping

logger = logging.getLogger(__name__)

SETTLE_S = 30.0
"""Seconds in all that the workers have, when the run ends, to complete the files that they are
writing. Then they have as long again to write the states that are in memory only."""

LOOK_S = 0.02
"""Seconds between two looks of the driver whether the files are complete."""


class TrialStates:
    """Keeps log, object stores and files in step: the log never has a state from which a trial
    could not go on."""

    def __init__(
        self,
        place: Place,
        checkpoints: Checkpoints,
        log: LogWriter,
        dispatcher: Dispatcher,
        actors: Actors,
        pbt: PBT,
        stopping: Stopping,
        clock: Clock,
    ) -> None:
        self.checkpoints = checkpoints
        self._place = place
        self._log = log
        self._dispatcher = dispatcher
        self._actors = actors
        self._pbt = pbt
        self._stopping = stopping
        self._clock = clock
        self._with_actor: dict[WorkerId, None] = {}
        self._writing: dict[WorkerId, Path] = {}

    def actor_is_ready(self, worker: WorkerId) -> None:
        """The worker has an actor, and so can write files."""
        self._with_actor[worker] = None

    def forget(self, worker: WorkerId) -> None:
        """The worker is gone, and with it its actor."""
        self._with_actor.pop(worker, None)
        self.expect_no_file(worker)

    def expect_no_file(self, worker: WorkerId) -> None:
        """The file that the worker's actor was writing may stay incomplete."""
        self._writing.pop(worker, None)

    def hold(self, segment: Segment, ray_node: RayNodeId) -> None:
        """Order the actor to put the state at the end of the segment into the object store of its
        node.

        If its file is written in the background, the log says that the segment has ended only when
        the file is complete.
        """
        if self._place == "storage":
            return
        total = self._dispatcher.state.trials[segment.trial].iterations + segment.iterations
        path = self.checkpoints.path(segment.trial, total)
        self.checkpoints.hold(path, Copy(self._actors.snapshot(segment.trial), ray_node))
        if self._place == "both":
            self._writing[segment.worker] = path  # the file before it is complete: a worker writes one at a time
            self._log.hold(lambda: self._is_written(segment.worker, path))

    def _is_written(self, worker: WorkerId, path: Path) -> bool:
        """Whether the worker's file is complete, or is no longer expected."""
        if self._writing.get(worker) == path and path.exists():
            del self._writing[worker]
        return self._writing.get(worker) != path

    def discard(self) -> None:
        """Delete files that the log on disk does not need any more."""
        self._log.commit()
        if not self._log.holds():
            self.checkpoints.discard()

    def fall_back(self, trial: TrialId, reason: str) -> None:
        """The trial's latest state is lost. The trial goes on from the state before. PBT forgets
        the trial's score, as in a simulation."""
        before = self.checkpoints.before(trial)
        iterations, score = (0, None) if before is None else (before.iterations, before.score)
        logger.warning("%s; trial %s goes on from its state after %d iterations", reason, trial, iterations)
        self._dispatcher.record(CheckpointLost(self._clock.now(), trial, iterations, score, reason))
        self._dispatcher.commit()
        self.discard()
        self._pbt.forget_score(trial)

    def fall_back_all(self, file: Path, reason: str) -> None:
        """The file is useless. Every trial that waits to go on from it goes on from the state
        before.

        If only one trial fell back, the source would keep its score. PBT would then send the trial
        to the file again.
        """
        for trial in [trial.id for trial in self._dispatcher.state.ready]:
            if self.checkpoints.latest(trial) == file:
                self.fall_back(trial, reason)

    def fall_back_from_memory(self) -> None:
        """States in the memory of the process that carried the run out before are gone."""
        unfinished = {trial.id for trial in self._dispatcher.state.ready}
        while lost := [trial for trial in self.checkpoints.missing() if trial in unfinished]:
            for trial in lost:
                path = self.checkpoints.latest(trial)
                self.fall_back(trial, f"checkpoint {path}: it was in memory only")

    def settle(self) -> None:
        """Save what is still wanted, because the run ends and its actors with it.

        A full disk stops the run. Any other error is a warning: a lost state is missed only when it
        is needed.
        """
        if self._place == "storage":
            return
        busy = {segment.worker for segment in self._dispatcher.state.running.values()}
        idle = [worker for worker in self._with_actor if worker not in busy]
        able = self._await([(worker, self._actors.flush(worker)) for worker in idle])
        self._write_what_is_missing(able or list(self._with_actor), self._actors.write)
        for _ in range(round(SETTLE_S / LOOK_S)):
            if not self._log.holds():  # files of workers that train meanwhile
                break
            self._clock.sleep(LOOK_S)
        self._writing.clear()  # what is not there by now is no longer expected
        self._write_what_is_missing(list(self._dispatcher.state.workers), self._actors.write_without_actor)
        for path in dict.fromkeys(self._wanted().values()):
            logger.warning("checkpoint %s was in memory only, and nobody could write it", path)

    def _await(self, written: list[tuple[WorkerId, Any]]) -> list[WorkerId]:
        """Wait for all workers that write. Returns those that have written."""
        causes = self._actors.outcomes([answer for _, answer in written], SETTLE_S)
        able = []
        for (worker, _), cause in zip(written, causes, strict=True):
            if cause is None:
                able.append(worker)
                continue
            path = self._writing.pop(worker, None)
            if not self._stopping.is_for(cause):
                what = "what is in memory only" if path is None else f"checkpoint {path}"
                logger.warning("worker %s did not write %s: %s", worker, what, cause)
        return able

    def _write_what_is_missing(self, workers: list[WorkerId], write: Callable[[WorkerId, Copy, Path], Any]) -> None:
        """Order these workers to write the states that are in memory only. No actor is needed:
        states outlive actors."""
        answers = []
        for path, worker in zip(dict.fromkeys(self._wanted().values()), cycle(workers), strict=False):
            if (copy := self.checkpoints.copy(path)) is not None:
                answers.append((worker, write(worker, copy, path)))
        self._await(answers)

    def _wanted(self) -> dict[TrialId, Path]:
        """The states by trial that are in memory only and must be saved. At the end of the run
        these are the weights with the best score; before it, every trial's."""
        state, expected = self._dispatcher.state, set(self._writing.values())
        wanted = {trial: path for trial, path in self.checkpoints.missing().items() if path not in expected}
        best = best_trial(state).id
        return {trial: path for trial, path in wanted.items() if trial == best or not state.finished}


def best_trial(state: State) -> Trial:
    """The trial with the best score now. Its weights outlive the run."""
    return max(state.trials.values(), key=lambda trial: state.experiments[trial.experiment].metric.rank(trial.score))
