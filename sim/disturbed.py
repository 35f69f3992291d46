"""A simulation in which neighbours and faults can slow down or break running segments."""

from collections.abc import Collection, Generator, Iterable, Sequence
from typing import Any

import msgspec
import simpy
from msgspec.structs import replace

from hetsched.core.dispatcher import Listener
from hetsched.core.events import CheckpointLost, Parts, WorkerDraining, WorkerJoined, WorkerLeft, WorkerSlowed
from hetsched.core.log import LogWriter
from hetsched.core.lost_work import LostWork
from hetsched.core.trial import Segment, Trial
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.errors import HetschedError, counted
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable
from sim.checkpoint_copies import CheckpointCopies
from sim.faults import Faults
from sim.neighbours import Neighbours
from sim.simulation import Simulation


def disturbs(setup: Setup, workers: Collection[Worker]) -> bool:
    """Whether anything in the scenario can happen to a running segment, or to a checkpoint."""
    models = {experiment.model for experiment in setup.workload.experiments}
    shared = setup.scenario.overheads.sharing and Neighbours(setup.cluster, workers).matter(setup.times, models)
    return shared or setup.scenario.faults != FaultsTable()


class Running:
    """A running segment. All times are in seconds.

    - `whole_s`: the seconds that its worker needs for it
    - `left_s`: the seconds that it needs from `since` on, before `slowness` multiplies them
    - `end`: the event of its end. A new event replaces it when the slowness changes. None: the
      worker has finished.
    - `crashes`: whether the segment ends in a crash
    - `sharing`: the factor of the profile (see `Neighbours`)
    """

    slowness = 1.0
    slowed = False

    end: simpy.Event | None = None

    def __init__(
        self, segment: Segment, parts: Parts, started: float, whole_s: float, crashes: bool, sharing: float
    ) -> None:
        self.segment = segment
        self.parts = parts
        self.started = self.since = started
        self.whole_s = self.left_s = whole_s
        self.crashes = crashes
        self.sharing = sharing

    def stretched(self, seconds: float) -> Parts:
        """The parts of the segment, which took `seconds` on its worker."""
        if not self.slowed:
            return self.parts
        factor = seconds / self.parts.total_s
        return Parts(*(factor * part for part in msgspec.structs.astuple(self.parts)))


class DisturbedSimulation(Simulation):
    """A simulation in which workers leave, join and slow down. `Faults` says when. This class
    changes segments and checkpoints accordingly."""

    def __init__(
        self,
        setup: Setup,
        strategy: Strategy,
        seed: int,
        workers: Collection[Worker],
        log_writer: LogWriter | None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        place = setup.scenario.checkpoints.place
        self._checkpoints = None if place == "storage" else CheckpointCopies(behind=place == "both")
        super().__init__(setup, strategy, seed, workers, log_writer, listeners, self._checkpoints)
        self._orphans: set[TrialId] = set()
        self._neighbours = Neighbours(setup.cluster, workers)
        self._faults = Faults(setup.scenario.faults, workers, seed, self)
        self._slow: dict[WorkerId, float] = {}
        self._on: dict[WorkerId, Running] = {}
        self._running: dict[TrialId, Running] = {}
        self._lost_work = LostWork()

    def _present(self) -> Collection[Worker]:
        return [worker for worker in self._workers if worker.id not in self._faults.late]

    def _start_processes(self) -> None:
        self._faults.start(self.env)

    # What faults do.

    def leave(self, workers: Collection[WorkerId], reason: str, node: NodeId | None) -> None:
        """Remove the workers at once. Their segments are lost. If the `node` failed, its memory is
        lost, too."""
        orphans = []
        if self._checkpoints is not None and node is not None:
            for orphan in self._checkpoints.lose(node, self.env.now):
                orphans.append(orphan)
                self._forget(self.state.trials[orphan])  # nobody can take over what is gone
        self._orphans.update(orphans)  # earlier ones fall back when they lose what they run
        fallen = [trial for trial in sorted(orphans) if self._fall_back(trial, reason)]
        for trial in fallen:
            self._lost_work.lost(trial, reason)
        there = [worker for worker in workers if worker in self.state.workers]
        for trial in self._take_off(there):
            running = self._running.get(trial)
            if running is not None:
                self._lose(running, reason)
            else:  # of a package, and not reported, or not begun
                self._lose_segment(trial, reason)
        for worker in there:
            self.dispatcher.record(WorkerLeft(self.env.now, worker, reason))
        if there or fallen:
            self._dispatch(self.env.now)
        else:
            self._look_for_end()

    def _take_off(self, workers: Iterable[WorkerId]) -> list[TrialId]:
        """The trials on the workers, in the order in which their segments started. The packages of
        the workers are forgotten."""
        trials = {trial for worker in workers for trial in self._packages.forget(worker)}
        trials.update(self._on[worker].segment.trial for worker in workers if worker in self._on)
        return sorted(trials, key=lambda trial: self.state.running[trial].segment)

    def join(self, workers: Collection[Worker]) -> None:
        """Add the workers, cold. A worker is slow if it is in a slow spell that began while it was
        away."""
        for worker in workers:
            self.dispatcher.record(WorkerJoined(self.env.now, worker))
            if (factor := self._slow.get(worker.id, 1.0)) != 1.0:
                self.dispatcher.record(WorkerSlowed(self.env.now, worker.id, factor))
        if workers:
            self._dispatch(self.env.now)
        else:
            self._look_for_end()

    def drain(self, workers: Collection[WorkerId], until: float, reason: str) -> None:
        """Mark the workers as leaving at `until` seconds. They finish what they run, if they can,
        and begin nothing new."""
        for worker in workers:
            if worker in self.state.workers:
                self.dispatcher.record(WorkerDraining(self.env.now, worker, until, reason))
        self._look_for_end()

    def slow_down(self, worker: WorkerId, factor: float) -> None:
        """Let the worker take `factor` times as long from now on."""
        if worker in self.state.workers:
            self.dispatcher.record(WorkerSlowed(self.env.now, worker, factor))
        self._slow[worker] = factor
        self._pace([worker])

    # A segment, from its start to its end.

    def _start(self, segment: Segment, trial: Trial, parts: Parts, now: float) -> None:
        sharing = self._durations.sharing(trial, self.state.workers[segment.worker])
        to_crash_s = self._faults.seconds_to_crash(trial.id)
        crashes = to_crash_s < parts.total_s
        running = Running(segment, parts, now, min(parts.total_s, to_crash_s), crashes, sharing)
        self._running[trial.id] = running
        self._end_in(running.left_s, running)
        self._neighbours.start(running.segment.workers)
        self._on.update(dict.fromkeys(running.segment.workers, running))
        self._pace(self._neighbours.of(running.segment.workers))

    def _end_in(self, seconds: float, running: Running) -> None:
        running.end = self.env.timeout(seconds, running)
        running.end.callbacks.append(self._end)

    def _end(self, event: simpy.Event) -> None:
        running: Any = event.value
        if running.end is not event:  # it was put off, or the segment was lost
            return
        running.end = None
        self._leave_neighbours(running)
        if running.crashes:
            self._lose(running, "the trial crashed")
            self._go_on(self._packages.lose(running.segment, self.env.now), self.env.now)
            self._dispatch(self.env.now)
        elif self._driver is None:
            self._hand_over(running, running.stretched(self.env.now - running.started))
        else:
            self.env.process(self._wait_for_its_turn(self._driver, running))

    def _wait_for_its_turn(self, driver: simpy.Resource, running: Running) -> Generator[simpy.Event, Any, None]:
        done = self.env.now
        with driver.request() as turn:
            yield turn
            yield self.env.timeout(self._overheads.dispatch_s)
        if self._running.get(running.segment.trial) is running:  # else it was lost meanwhile
            parts = running.stretched(done - running.started)
            self._hand_over(running, replace(parts, dispatch_s=parts.dispatch_s + self.env.now - done))

    def _hand_over(self, running: Running, parts: Parts) -> None:
        """Pass the result to the driver. The workers are then free, or go on with their package."""
        del self._running[running.segment.trial]
        self._leave_workers(running)
        self._report(running.segment, parts, self.env.now)

    def _take_in(self, segment: Segment, parts: Parts, worked: tuple[float, float] | None, now: float) -> None:
        trial = segment.trial
        self._lost_work.trained(trial, reached := self.state.trials[trial].iterations + segment.iterations)
        self._orphans.discard(trial)  # it has a checkpoint again
        super()._take_in(segment, parts, worked, now)
        if (iterations := self.state.trials[trial].iterations) != reached:
            self._lost_work.recounted(trial, iterations)

    def _leave_workers(self, running: Running) -> None:
        """Release the workers. A segment that has not reached its end is interrupted. Otherwise its
        workers have already finished it."""
        broken_off, left_s = running.end is not None, 0.0
        if broken_off:
            left_s = running.left_s - (self.env.now - running.since) / running.slowness
        crashed = running.crashes and not broken_off
        self._faults.trained(running.segment.trial, running.whole_s - left_s, crashed)
        for worker in running.segment.workers:
            del self._on[worker]
        if broken_off:
            self._leave_neighbours(running)

    def _leave_neighbours(self, running: Running) -> None:
        """Note that the segment's workers no longer work."""
        self._neighbours.end(running.segment.workers)
        self._pace(self._neighbours.of(running.segment.workers))

    def _lose(self, running: Running, reason: str) -> None:
        trial = running.segment.trial
        del self._running[trial]
        self._leave_workers(running)
        running.end = None
        self._lose_segment(trial, reason)

    def _lose_segment(self, trial: TrialId, reason: str) -> None:
        self.dispatcher.lose_segment(self.env.now, trial, reason)
        self._fall_back(trial, reason)
        self._lost_work.lost(trial, reason)

    def _pace(self, workers: Iterable[WorkerId]) -> None:
        """Update the ends of the segments of these workers, if their slowness has changed."""
        for running in dict.fromkeys(self._on[worker] for worker in workers if worker in self._on):
            slowness = max(
                self._slow.get(worker, 1.0) * self._neighbours.slowness(worker, running.sharing)
                for worker in running.segment.workers
            )
            if running.end is not None and slowness != running.slowness:
                now = self.env.now
                running.left_s = max(0.0, running.left_s - (now - running.since) / running.slowness)
                running.since, running.slowness, running.slowed = now, slowness, True
                self._end_in(running.left_s * slowness, running)

    def _check_end(self) -> None:
        """End the run if it is finished. Otherwise workers that return may still do something.
        Raises HetschedError if no worker is left and none will return, or if those that are left or
        return can run nothing."""
        if self.state.finished:
            self._finish()
            return
        returning = self._faults.returning
        if not returning and not self.state.serving:
            waiting = counted(len(self.state.ready), "trial")
            raise HetschedError(
                f"at {self.env.now:.3f} s no worker is left, with {waiting} not done, and none will "
                "return: [faults] must leave something to run on"
            )
        self.dispatcher.check_stalled(returning)

    # Checkpoints in the memory of nodes.

    def _perturb(self, trial: Trial) -> tuple[TrialId, Hyperparameters] | None:
        if self._checkpoints is not None and trial.at is not None:
            worker = self.state.workers[trial.at]
            write_s = self._durations.write_s(trial, worker)
            self._checkpoints.save(trial, worker.node, self.env.now, write_s, self._members[trial.id].weights)
        return super()._perturb(trial)

    def _fall_back(self, trial: TrialId, reason: str) -> bool:
        """Let a trial whose newest checkpoint is lost fall back to an earlier one. A trial that
        waits for its turn in a package is released from the package. Returns whether the loss was
        recorded.

        Nothing is recorded for a running trial, or for one whose result waits for the rest of a
        package. Its worker has its state and may still save it.
        """
        if trial in self._running or trial not in self._orphans:
            return False
        if (waiting := self.state.running.get(trial)) is not None:
            if self._packages.is_done(waiting):
                return False
            self._packages.lose(waiting, self.env.now)
            self.dispatcher.lose_segment(self.env.now, trial, reason)
        self._orphans.remove(trial)
        assert self._checkpoints is not None
        left = self._checkpoints.newest(trial)
        state = self.state.trials[trial]
        if state.completed is not None:
            return False
        self._members[trial].weights = self._model.fresh(state.kind) if left is None else left.weights
        iterations, score = (0, None) if left is None else (left.iterations, left.score)
        self.dispatcher.record(CheckpointLost(self.env.now, trial, iterations, score, reason))
        return True
