"""The engine: drives a dispatcher on the SimPy clock."""

from collections.abc import Iterator
from itertools import groupby
from math import exp, log, sqrt
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

import simpy

from hetsched.backend import LOG_NAME, Listener, Outcome, begin
from hetsched.cluster import Worker, WorkerId
from hetsched.dispatcher import Decided, Dispatcher
from hetsched.errors import PolicyError
from hetsched.events import LogWriter, Parts, RunEnded, SegmentEnded
from hetsched.profiles import Costs
from hetsched.registry import Strategy
from hetsched.scenario import Scenario, profiled_workers
from hetsched.scheduling.policy import Dispatch
from hetsched.state import State, Trial
from hetsched.streams import stream
from hetsched.workload import Experiment, ExperimentId, TrialId, TrialKind
from sim.learning import LearningCurve, Weights
from sim.pbt import PopulationBasedTraining

DRAWS_AT_ONCE = 32


def simulate(
    scenario: Scenario,
    strategy: Strategy,
    seed: int,
    folder: Path,
    listen: Listener | None = None,
) -> Outcome:
    """Simulate a strategy on a scenario; see `hetsched.backend.Backend`."""
    workers = profiled_workers(scenario, strategy)
    with LogWriter(folder / LOG_NAME) as log_writer:
        simulation = Simulation(scenario, strategy, seed, log_writer, listen)
        try:
            begin(simulation.dispatcher, "sim", scenario, strategy, seed, workers)
            simulation.run()
        except BaseException as error:
            simulation.dispatcher.record(RunEnded(simulation.env.now, f"failed: {type(error).__name__}"))
            raise
    return Outcome.of(simulation.dispatcher)


class Simulation:
    """One run: SimPy owns the time, the dispatcher the decisions, this class the work.

    A segment lasts start-up (on a cold worker) + restore (unless the worker holds the trial's state) + iterations x
    step time x noise + evaluation + checkpoint + dispatch, each of which the scenario's `[overheads]` can leave out.
    """

    def __init__(
        self,
        scenario: Scenario,
        strategy: Strategy,
        seed: int,
        log_writer: LogWriter | None,
        listen: Listener | None = None,
    ) -> None:
        self.env = simpy.Environment()
        self.state = State()
        policy = scenario.scheduling_policy(strategy)
        self._times = scenario.charged_times
        self.dispatcher = Dispatcher(self.state, policy, strategy.scheduling, self._times, log_writer, listen)
        self._scenario = scenario
        self._seed = seed
        self._curve = LearningCurve(scenario.learning)
        self._weights: dict[TrialId, Weights] = {}
        self._luck: dict[TrialId, Iterator[Luck]] = {}
        self._pbt: dict[ExperimentId, PopulationBasedTraining] = {}
        self._profiled: dict[tuple[TrialKind, WorkerId, int], tuple[Costs, float]] = {}
        self._to_arrive = 0

    def run(self) -> None:
        """Run to the end, on the workers that have joined.

        Raises PolicyError for a decision that is refused and for a stalled policy.
        """
        experiments = self._scenario.workload_spec().experiments
        self._to_arrive = len(experiments)
        for arrival_s, together in groupby(experiments, key=lambda experiment: experiment.arrival_s):
            self.env.timeout(arrival_s, list(together)).callbacks.append(self._arrive)
        self.env.run()
        self.dispatcher.record(RunEnded(self.env.now, "completed"))

    def _arrive(self, event: simpy.Event) -> None:
        """Experiments arrive at the same time: the policy is asked when all of them are there."""
        together: Any = event.value
        for experiment in together:
            assert isinstance(experiment, Experiment)
            self._to_arrive -= 1
            if experiment.pbt is not None:
                rng = Random(crc32(f"pbt/{experiment.id}/{self._seed}".encode()))
                self._pbt[experiment.id] = PopulationBasedTraining(experiment, experiment.pbt, self.state, rng)
            self.dispatcher.arrive(self.env.now, experiment, self._seed)
            for trial in experiment.trial_ids():
                self._weights[trial] = Weights()
                self._luck[trial] = draw(self._seed, trial)
        self._dispatch()

    def _dispatch(self) -> None:
        self._carry_out(self.dispatcher.dispatch(self.env.now))

    def _wake(self, event: simpy.Event) -> None:
        if event.value == self.dispatcher.wake_at:  # else the policy has thought better of it
            self._carry_out(self.dispatcher.wake(self.env.now))

    def _carry_out(self, decided: Decided) -> None:
        for decision in decided.starts:
            parts, normal = self._parts(decision)
            self.env.timeout(parts.total_s, Ending(decision, parts, normal)).callbacks.append(self._end)
        for trial in decided.stops:
            self._forget(self.state.trials[trial])
        wake_at = self.dispatcher.wake_at
        if wake_at is not None:
            self.env.timeout(wake_at - self.env.now, wake_at).callbacks.append(self._wake)
        if not self._to_arrive:
            self.dispatcher.check_stalled()

    def _parts(self, decision: Dispatch) -> tuple[Parts, float]:
        """How long each part of the segment will take, and the luck of its score."""
        trial = self.state.trials[decision.trial]
        worker = self.state.workers[decision.worker]
        experiment = self.state.experiments[trial.experiment]
        costs, seconds = self._profile(trial.kind, worker, experiment.gang)
        luck = next(self._luck[trial.id])
        noise = 1.0
        if costs.noise_cv and worker.pace is None:
            noise = lognormal(costs.noise_cv / sqrt(decision.iterations), luck.duration)
        parts = Parts(
            start_up_s=0.0 if worker.id in self.state.warm else costs.start_up_s,
            restore_s=costs.restore_s if self.state.must_restore(trial, worker.id) else 0.0,
            train_s=decision.iterations * seconds * noise,
            evaluate_s=experiment.evaluation_images * costs.evaluation_s_per_image,
            checkpoint_s=costs.checkpoint_s,
            dispatch_s=self._scenario.overheads.dispatch_s,
        )
        return parts, luck.score

    def _profile(self, kind: TrialKind, worker: Worker, gang: int) -> tuple[Costs, float]:
        """The costs of a segment and the seconds of an iteration. Raises PolicyError for a pair without a step time,
        which only gangs may have (`profiled_workers`)."""
        key = (kind, worker.id, gang)
        if key not in self._profiled:
            worker_type = worker.type.gang(gang)
            seconds = self._times.seconds_per_iteration(kind, worker_type)
            if seconds is None:
                name = self.dispatcher.policy_name
                raise PolicyError(
                    f"policy {name!r} sent {kind} to {worker_type}, for which the profile has no step time"
                )
            self._profiled[key] = self._times.costs(kind, worker_type), seconds
        return self._profiled[key]

    def _end(self, event: simpy.Event) -> None:
        ending = event.value
        assert isinstance(ending, Ending)
        decision, parts, normal = ending
        trial = self.state.trials[decision.trial]
        score = 0.0
        if self.state.experiments[trial.experiment].evaluation_images:
            weights = self._curve.train(self._weights[trial.id], trial.hyperparameters, decision.iterations)
            self._weights[trial.id] = weights
            score = self._curve.score(weights, normal)
        ended = SegmentEnded(self.env.now, trial.id, decision.worker, decision.iterations, score, parts)
        self.dispatcher.end_segment(ended, self._perturb)
        if self.state.trials[trial.id].completed is not None:
            self._forget(trial)
        self._dispatch()

    def _forget(self, trial: Trial) -> None:
        """A completed trial is no longer ranked."""
        if trial.experiment in self._pbt:
            self._pbt[trial.experiment].forget(trial.id)

    def _perturb(self, trial: Trial) -> tuple[TrialId, dict[str, float]] | None:
        if trial.experiment not in self._pbt:
            return None
        exploit = self._pbt[trial.experiment].perturb(trial)
        if exploit is not None:
            self._weights[trial.id] = self._weights[exploit[0]]
        return exploit


class Ending(NamedTuple):
    """What is known of a segment when it starts: its decision, its parts, and the luck of its score."""

    decision: Dispatch
    parts: Parts
    normal: float


class Luck(NamedTuple):
    """Standard normal draws for one segment of a trial."""

    duration: float
    score: float


def draw(seed: int, trial: TrialId) -> Iterator[Luck]:
    """The luck of a trial's segments, one after the other: its own streams, whatever the policy does."""
    durations, scores = stream(seed, "duration", trial), stream(seed, "score", trial)
    while True:
        normals = durations.standard_normal(DRAWS_AT_ONCE), scores.standard_normal(DRAWS_AT_ONCE)
        for pair in zip(normals[0].tolist(), normals[1].tolist(), strict=True):
            yield Luck(*pair)


def lognormal(cv: float, normal: float) -> float:
    """A positive factor of mean 1 with the coefficient of variation `cv`, from a standard normal draw."""
    variance = log(1 + cv * cv)
    return exp(sqrt(variance) * normal - variance / 2)
