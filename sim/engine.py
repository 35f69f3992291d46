"""The engine: drives a dispatcher on the SimPy clock."""

import gc
from collections.abc import Collection, Generator, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import simpy
from msgspec.structs import replace

from hetsched.backend import LOG_NAME, Listener, Outcome, begin
from hetsched.cluster import NodeId, Worker, WorkerId
from hetsched.dispatcher import Decided, Dispatcher
from hetsched.errors import HetschedError
from hetsched.events import (
    CheckpointLost,
    LogWriter,
    Parts,
    RunEnded,
    SegmentEnded,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
    WorkerSlowed,
)
from hetsched.learning import Weights
from hetsched.registry import Strategy
from hetsched.scenario import Scenario, profiled_workers
from hetsched.scheduling.policy import Dispatch
from hetsched.state import State, Trial
from hetsched.streams import stream
from hetsched.workload import Experiment, ExperimentId, TrialId
from sim.checkpoints import Checkpoints
from sim.durations import Durations
from sim.faults import Faults
from sim.luck import Luck
from sim.neighbours import Neighbours
from sim.pbt import PopulationBasedTraining

MOST_LOSSES = 100
"""A trial that loses its segment so often in a row will never end it."""


def simulate(
    scenario: Scenario,
    strategy: Strategy,
    seed: int,
    folder: Path,
    listen: Listener | None = None,
) -> Outcome:
    """Simulate a strategy on a scenario; see `hetsched.backend.Backend`."""
    workers = profiled_workers(scenario, strategy)
    # A simulation can be had again: its log need not outlive a crash to the last event.
    with LogWriter(folder / LOG_NAME, durable=False) as log_writer:
        simulation = Simulation(scenario, strategy, seed, workers, log_writer, listen)
        collects = gc.isenabled()
        gc.disable()  # a run makes no cyclic garbage, but so many objects that looking for it takes a tenth of the time
        try:
            simulation.run()
        except BaseException as error:
            simulation.dispatcher.record(RunEnded(simulation.env.now, f"failed: {type(error).__name__}"))
            raise
        finally:
            if collects:
                gc.enable()
    return Outcome.of(simulation.dispatcher)


class Running:
    """A segment on its way.

    Its worker needs `whole_s` seconds for it and from `since` on `left_s`, times `slowness`. `end` is the event of its
    end; it is replaced when the slowness changes, and None when the worker is done. With `crashes` it ends in a crash.
    `sharing` is the profile's (see `Neighbours`).
    """

    slowness = 1.0
    slowed = False
    sharing = 1.0
    crashes = False
    end: simpy.Event | None = None

    whole_s: float
    left_s: float
    since: float

    def __init__(self, decision: Dispatch, parts: Parts, now: float) -> None:
        self.decision = decision
        self.parts = parts
        self.started = now

    @property
    def workers(self) -> tuple[WorkerId, ...]:
        return (self.decision.worker, *self.decision.others)


class Simulation:
    """One run: SimPy owns the time, the dispatcher the decisions, this class the work.

    A segment lasts start-up (on a cold worker) + restore (unless the worker holds the trial's state) + iterations x
    step time + evaluation + checkpoint, drawn by `Durations` and stretched while the worker is slow; then its result
    waits for the driver, which takes `overheads.dispatch_s` for each. `[overheads]` can leave out every one of these.
    """

    def __init__(
        self,
        scenario: Scenario,
        strategy: Strategy,
        seed: int,
        workers: Collection[Worker],
        log_writer: LogWriter | None,
        listen: Listener | None = None,
    ) -> None:
        self.env = simpy.Environment()
        self.state = State()
        policy = scenario.scheduling_policy(strategy)
        times = scenario.charged_times
        self.dispatcher = Dispatcher(self.state, policy, strategy.scheduling, times, log_writer, listen)
        self._scenario = scenario
        self._strategy = strategy
        self._seed = seed
        self._workers = workers
        self._luck = Luck(seed)
        kept = scenario.checkpoints
        self._checkpoints = None if kept.place == "storage" else Checkpoints(behind=kept.place == "both")
        self._orphans: set[TrialId] = set()
        self._durations = Durations(times, self.state, self._luck, self._checkpoints, kept.network_bytes_per_s)
        self._slow: dict[WorkerId, float] = {}
        self._on: dict[WorkerId, Running] = {}
        self._neighbours = Neighbours(scenario.cluster_spec(), workers)
        self._faults = Faults(scenario.faults, workers, seed, self)
        self._disturbed = self._faults.expected or self._neighbours.matter(times)
        self._driver = simpy.Resource(self.env) if scenario.overheads.dispatch_s else None
        self._model = scenario.learning_model()
        self._weights: dict[TrialId, Weights] = {}
        self._scores: dict[TrialId, Iterator[float]] = {}
        self._pbt: dict[ExperimentId, PopulationBasedTraining] = {}
        self._running: dict[TrialId, Running] = {}
        self._losses: dict[TrialId, int] = {}
        self._to_arrive = 0
        self._over = self.env.event()

    def run(self) -> None:
        """Run from the start to the end.

        Raises PolicyError for a decision that is refused and for a stalled policy, and HetschedError if faults leave
        nothing to run on.
        """
        present = [worker for worker in self._workers if worker.id not in self._faults.late]
        begin(self.dispatcher, "sim", self._scenario, self._strategy, self._seed, present)
        experiments = self._scenario.workload_spec().experiments
        self._to_arrive = len(experiments)
        for arrival_s, together in groupby(experiments, key=lambda experiment: experiment.arrival_s):
            self.env.timeout(arrival_s, list(together)).callbacks.append(self._arrive)
        self._faults.start(self.env)
        self.env.run(self._over)
        self.dispatcher.record(RunEnded(self.env.now, "completed"))

    # What faults do.

    def leave(self, workers: Collection[WorkerId], reason: str, node: NodeId | None) -> None:
        """The workers are gone at once, with the segments that they ran and, if it failed, the memory of the node."""
        if self._checkpoints is not None and node is not None:
            self._orphans.update(self._checkpoints.lose(node, self.env.now))
            for trial in sorted(self._orphans):
                self._fall_back(trial, reason)
        there = [worker for worker in workers if worker in self.state.workers]
        for running in [running for running in self._running.values() if not set(there).isdisjoint(running.workers)]:
            self._lose(running, reason)
        for worker in there:
            self.dispatcher.record(WorkerLeft(self.env.now, worker, reason))
        self._dispatch()

    def join(self, workers: Collection[Worker]) -> None:
        """The workers are there, cold."""
        for worker in workers:
            self.dispatcher.record(WorkerJoined(self.env.now, worker))
        self._dispatch()

    def drain(self, workers: Collection[WorkerId], until: float, reason: str) -> None:
        """The workers will leave: they finish what they run, if they can, and take nothing new."""
        for worker in workers:
            if worker in self.state.workers:
                self.dispatcher.record(WorkerDraining(self.env.now, worker, until, reason))

    def slow_down(self, worker: WorkerId, factor: float) -> None:
        """The worker takes `factor` times as long as it should, from now on."""
        if worker in self.state.workers:
            self.dispatcher.record(WorkerSlowed(self.env.now, worker, factor))
        self._slow[worker] = factor
        self._pace([worker])

    # What happens.

    def _arrive(self, event: simpy.Event) -> None:
        """Experiments arrive at the same time: the policy is asked when all of them are there."""
        together: Any = event.value
        for experiment in together:
            assert isinstance(experiment, Experiment)
            self._to_arrive -= 1
            if experiment.pbt is not None:
                rng = Random(stream(self._seed, "pbt", experiment.id).integers(2**63).item())
                self._pbt[experiment.id] = PopulationBasedTraining(experiment, experiment.pbt, self.state, rng)
            self.dispatcher.arrive(self.env.now, experiment, self._seed)
            self._luck.arrive(experiment)
            for trial in experiment.trial_ids():
                self._weights[trial] = self._model.fresh(self.state.trials[trial].kind)
                self._scores[trial] = self._luck.normals("score", trial)
        self._dispatch()

    def _wake(self, event: simpy.Event) -> None:
        if event.value == self.dispatcher.wake_at:  # else the policy has thought better of it
            self._carry_out(self.dispatcher.wake(self.env.now))

    def _dispatch(self) -> None:
        self._carry_out(self.dispatcher.dispatch(self.env.now))

    def _carry_out(self, decided: Decided) -> None:
        state, now = self.state, self.env.now
        for decision in decided.starts:
            trial = state.trials[decision.trial]
            parts = self._durations.parts(trial, state.workers[decision.worker], decision.iterations)
            running = self._running[trial.id] = Running(decision, parts, now)
            if self._disturbed:
                self._start_disturbed(running)
            else:
                self._end_in(parts.total_s, running)
        for stopped in decided.stops:
            self._forget(state.trials[stopped])
        wake_at = self.dispatcher.wake_at
        if wake_at is not None:
            self.env.timeout(wake_at - self.env.now, wake_at).callbacks.append(self._wake)
        if not state.running and not self._to_arrive:
            self._check_end()

    def _check_end(self) -> None:
        """Nothing runs and nothing is to arrive: it is over, or something must come of the workers that return."""
        if self.state.finished:
            if not self._over.triggered:
                self._over.succeed()
        elif not self._faults.returning:
            if not self.state.workers:
                raise HetschedError(
                    f"at {self.env.now:.3f} s the last worker left for good and {len(self.state.ready)} trials are not "
                    "done: [faults] must leave something to run on"
                )
            self.dispatcher.check_stalled()

    def _end_in(self, seconds: float, running: Running) -> None:
        running.end = end = simpy.Timeout(self.env, seconds, running)
        end.callbacks.append(self._end)

    def _end(self, event: simpy.Event) -> None:
        """The worker is done with a segment: its result goes to the driver."""
        running: Any = event.value
        if running.end is not event:  # it was put off, or the segment was lost
            return
        running.end = None
        if running.crashes:
            self._lose(running, "the trial crashed")
            self._dispatch()
        elif self._driver is None:
            self._report(running)
        else:
            self.env.process(self._wait_for_driver(self._driver, running))

    def _wait_for_driver(self, driver: simpy.Resource, running: Running) -> Generator[simpy.Event, Any, None]:
        """One driver serves all workers, one result at a time."""
        done = self.env.now
        with driver.request() as turn:
            yield turn
            yield self.env.timeout(self._scenario.overheads.dispatch_s)
        if self._running.get(running.decision.trial) is running:  # else it was lost meanwhile
            running.parts = stretched(running, done - running.started)
            running.parts = replace(running.parts, dispatch_s=self.env.now - done)
            self._report(running)

    def _report(self, running: Running) -> None:
        """The driver has a result: the trial's weights and score, PBT, and the next decisions."""
        decision = running.decision
        trial = self.state.trials[decision.trial]
        del self._running[trial.id]
        if self._disturbed:
            self._leave_workers(running)
            self._losses.pop(trial.id, None)
            if self._driver is None:
                running.parts = stretched(running, self.env.now - running.started)
        score = 0.0
        if self.state.experiments[trial.experiment].evaluation_images:
            weights = self._model.train(self._weights[trial.id], trial.kind, trial.hyperparameters, decision.iterations)
            self._weights[trial.id] = weights
            score = self._model.score(weights, next(self._scores[trial.id]))
        if self._checkpoints is not None:
            self._orphans.discard(trial.id)  # it has a checkpoint again
        ended = SegmentEnded(self.env.now, trial.id, decision.worker, decision.iterations, score, running.parts)
        self.dispatcher.end_segment(ended, self._perturb)
        if self.state.trials[trial.id].completed is not None:
            self._forget(trial)
        self._dispatch()

    def _perturb(self, trial: Trial) -> tuple[TrialId, dict[str, float]] | None:
        if self._checkpoints is not None and trial.at is not None:
            worker = self.state.workers[trial.at]
            write_s = self._durations.write_s(trial, worker)
            self._checkpoints.save(trial, worker.node, self.env.now, write_s, self._weights[trial.id])
        pbt = self._pbt.get(trial.experiment)
        if pbt is None:
            return None
        exploit = pbt.perturb(trial)
        if exploit is not None:
            self._weights[trial.id] = self._weights[exploit[0]]
            if self._checkpoints is not None:
                self._checkpoints.exploit(trial, exploit[0])
        return exploit

    def _fall_back(self, trial: TrialId, reason: str) -> None:
        """The trial's newest checkpoint is lost. If it is running, its worker has its state and may yet save it."""
        if trial in self._running or trial not in self._orphans:
            return
        self._orphans.remove(trial)
        assert self._checkpoints is not None
        left = self._checkpoints.fall_back(trial)
        state = self.state.trials[trial]
        if state.completed is not None:
            return
        self._weights[trial] = self._model.fresh(state.kind) if left is None else left.weights
        iterations, score = (0, None) if left is None else (left.iterations, left.score)
        self.dispatcher.record(CheckpointLost(self.env.now, trial, iterations, score, reason))
        if state.experiment in self._pbt:
            self._pbt[state.experiment].reset(trial)

    def _forget(self, trial: Trial) -> None:
        """A completed trial is no longer ranked."""
        if trial.experiment in self._pbt:
            self._pbt[trial.experiment].forget(trial.id)

    # What makes segments longer, or breaks them: not touched in a run in which nothing of the kind can happen.

    def _start_disturbed(self, running: Running) -> None:
        trial = self.state.trials[running.decision.trial]
        running.sharing = self._durations.sharing(trial, self.state.workers[running.decision.worker])
        whole_s, to_crash_s = running.parts.total_s, self._faults.seconds_to_crash(trial.id)
        running.crashes = to_crash_s < whole_s
        running.whole_s = running.left_s = min(whole_s, to_crash_s)
        running.since = running.started
        self._end_in(running.left_s, running)
        self._neighbours.start(running.workers)
        self._on.update(dict.fromkeys(running.workers, running))
        self._pace(self._neighbours.of(running.workers))

    def _leave_workers(self, running: Running, crashed: bool = False) -> None:
        left_s = 0.0
        if running.end is not None:
            left_s = running.left_s - (self.env.now - running.since) / running.slowness
        self._faults.trained(running.decision.trial, running.whole_s - left_s, crashed)
        self._neighbours.end(running.workers)
        for worker in running.workers:
            del self._on[worker]
        self._pace(self._neighbours.of(running.workers))

    def _lose(self, running: Running, reason: str) -> None:
        trial = running.decision.trial
        del self._running[trial]
        self._leave_workers(running, running.crashes)
        running.end = None
        self.dispatcher.lose_segment(self.env.now, trial, reason)
        self._fall_back(trial, reason)
        self._losses[trial] = losses = self._losses.get(trial, 0) + 1
        if losses == MOST_LOSSES:
            raise HetschedError(
                f"trial {trial} lost its segment {losses} times in a row, at last because {reason}: [faults] are too "
                "frequent for segments of this length; make them rarer or the segments shorter"
            )

    def _pace(self, workers: Iterable[WorkerId]) -> None:
        """The slowness of these workers may have changed: so may the ends of their segments."""
        for running in dict.fromkeys(self._on[worker] for worker in workers if worker in self._on):
            slowness = max(
                self._slow.get(worker, 1.0) * self._neighbours.slowness(worker, running.sharing)
                for worker in running.workers
            )
            if running.end is not None and slowness != running.slowness:
                now = self.env.now
                running.left_s = max(0.0, running.left_s - (now - running.since) / running.slowness)
                running.since, running.slowness, running.slowed = now, slowness, True
                self._end_in(running.left_s * slowness, running)


def stretched(running: Running, seconds: float) -> Parts:
    """The parts of a segment that took so many seconds on its worker."""
    if not running.slowed:
        return running.parts
    factor = seconds / running.parts.total_s
    return Parts(*(factor * part for part in msgspec.structs.astuple(running.parts)))
