"""A simulation: a dispatcher driven on the SimPy clock."""

from collections.abc import Collection, Generator, Iterator, Sequence
from itertools import groupby
from numbers import Real
from random import Random
from typing import Any, NamedTuple

import simpy
from msgspec import Struct
from msgspec.structs import replace

from hetsched.core.dispatcher import Decided, Dispatcher, Listener
from hetsched.core.events import COMPLETED, Parts, RunEnded, SegmentEnded
from hetsched.core.log import LogWriter
from hetsched.core.open_packages import OpenPackages, Turn
from hetsched.core.state import State
from hetsched.core.trial import Segment, Trial
from hetsched.domain.cluster import Worker
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.learning import DrawsLots, Weights
from hetsched.domain.metric import NOISY, finite
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment, ExperimentId, TrialId
from hetsched.errors import RAISED, HetschedError, InputError, where
from hetsched.scenario.scenario import Setup
from hetsched.studies.beginning import begin
from sim.checkpoint_copies import CheckpointCopies, Homes
from sim.draws import Draws
from sim.durations import Durations
from sim.pbt import PopulationBasedTraining
from sim.start_ups import StartUps
from sim.variation import Variation


class Member(Struct, gc=False):
    """The learning state of a trial.

    - `normals`: the draws of its scores. None: it has no score yet.
    - `lot`: ranks the trial. None: its score does.
    """

    weights: Weights
    normals: Iterator[float] | None = None
    lot: float | None = None


class Done(NamedTuple):
    """A segment of a package that its worker has finished. `worked` is as in `SegmentEnded`."""

    segment: Segment
    parts: Parts
    worked: tuple[float, float]


NUMBER = (float, Real)
"""The types of numbers. A float comes first, because it is recognised at once. Asking whether
something is Real takes time."""


class Simulation:
    """One run. SimPy keeps the time, the dispatcher decides, and this class does the work.

    A segment lasts start-up + restore + iterations x step time + evaluation + checkpoint + latency.
    `Durations` draws these seconds. Start-up is 0 on a warm worker. Restore is 0 if the worker
    holds the trial's state. `[overheads]` can leave out each of these. After the segment its result
    waits for the driver, which takes `overheads.dispatch_s` seconds per result. `sim.disturbed` has
    everything that may change a segment while it runs.
    """

    def __init__(
        self,
        setup: Setup,
        strategy: Strategy,
        seed: int,
        workers: Collection[Worker],
        log_writer: LogWriter | None,
        listeners: Sequence[Listener] = (),
        checkpoints: CheckpointCopies | None = None,
    ) -> None:
        """`checkpoints` follow every copy in a node's memory, for nodes that fail. Else the newest."""
        self.env = simpy.Environment()
        self.state = State()
        scenario, times = setup.scenario, setup.charged_times
        policy = scenario.scheduling_policy(strategy)
        self.dispatcher = Dispatcher(self.state, policy, strategy.scheduling, times, log_writer, listeners)
        self._setup = setup
        self._overheads = scenario.overheads
        self._strategy = strategy
        self._seed = seed
        self._workers = workers
        self._draws = Draws(seed)
        kept = scenario.checkpoints
        self._copies = None if kept.place == "storage" else checkpoints or Homes(self.state, kept.place == "both")
        variation, latency_s = Variation.of(self._overheads, seed, self._draws), self._overheads.latency_s
        cores = self._overheads.host_cores
        starts = None if cores is None else StartUps(self.state, workers, cores)
        self._durations = Durations(
            times, self.state, self._draws, self._copies, kept.network_bytes_per_s, latency_s, variation, starts
        )
        self._driver = simpy.Resource(self.env) if self._overheads.dispatch_s else None
        self._model = setup.learning_model()
        self._train, self._score = self._model.train, self._model.score
        self._lot = self._model.lot if isinstance(self._model, DrawsLots) else None
        self._packages: OpenPackages[Done] = OpenPackages()
        self._members: dict[TrialId, Member] = {}
        self._pbt: dict[ExperimentId, PopulationBasedTraining] = {}
        self._to_arrive = 0
        self._timer: float | None = None
        self._over = self.env.event()

    def run(self) -> None:
        """Run from the start to the end.

        Raises PolicyError if a decision is refused or the policy is stalled. Raises HetschedError
        if faults leave too few workers to go on.
        """
        begin(self.dispatcher, "sim", self._setup, self._strategy, self._seed, self._present())
        experiments = self._setup.workload.experiments
        self._to_arrive = len(experiments)
        for arrival_s, together in groupby(experiments, key=lambda experiment: experiment.arrival_s):
            self.env.timeout(arrival_s, list(together)).callbacks.append(self._arrive)
        self._start_processes()
        self.env.run(self._over)
        self.dispatcher.record(RunEnded(self.env.now, COMPLETED))

    # What a disturbed simulation overrides.

    def _present(self) -> Collection[Worker]:
        """The workers that are present at the start."""
        return self._workers

    def _start_processes(self) -> None:
        """Start the processes that run beside the segments."""

    def _start(self, segment: Segment, trial: Trial, parts: Parts, now: float) -> None:
        """Start a segment."""
        simpy.Timeout(self.env, parts.total_s, (segment, parts)).callbacks.append(self._end)

    def _end(self, event: simpy.Event) -> None:
        """Pass the result of a finished segment to the driver."""
        segment, parts = event._value
        if self._driver is None:
            self._report(segment, parts, self.env.now)
        else:
            self.env.process(self._wait_for_driver(self._driver, segment, parts))

    def _wait_for_driver(
        self, driver: simpy.Resource, segment: Segment, parts: Parts
    ) -> Generator[simpy.Event, Any, None]:
        """Wait for the driver, which serves all workers, one result at a time."""
        done = self.env.now
        with driver.request() as turn:
            yield turn
            yield self.env.timeout(self._overheads.dispatch_s)
        self._report(segment, replace(parts, dispatch_s=parts.dispatch_s + self.env.now - done), self.env.now)

    def _check_end(self) -> None:
        """End the run, or raise PolicyError if the policy is stalled. Called if nothing runs and
        nothing is to arrive."""
        if self.state.finished:
            self._finish()
        else:
            self.dispatcher.check_stalled()

    def _perturb(self, trial: Trial) -> tuple[TrialId, Hyperparameters] | None:
        pbt = self._pbt.get(trial.experiment)
        if pbt is None:
            return None
        exploit = pbt.perturb(trial, self._members[trial.id].lot)
        if exploit is not None:
            self._members[trial.id].weights = self._members[exploit[0]].weights
            if self._copies is not None:
                takes_count = self.state.experiments[trial.experiment].counts_lineage
                self._copies.exploit(trial, exploit[0], takes_count=takes_count)
        return exploit

    # What happens.

    def _arrive(self, event: simpy.Event) -> None:
        """Add the experiments that arrive at this time, and then ask the policy once."""
        together: Any = event.value
        drawn = self._setup.population_seed
        for experiment in together:
            assert isinstance(experiment, Experiment)
            self._to_arrive -= 1
            if experiment.pbt is not None:
                rng = Random(stream(self._seed, "pbt", experiment.id).integers(2**63).item())
                self._pbt[experiment.id] = PopulationBasedTraining(experiment, experiment.pbt, self.state, rng)
            self.dispatcher.arrive(self.env.now, experiment, self._seed if drawn is None else drawn)
            self._draws.arrive(experiment)
            for trial in experiment.trial_ids():
                self._members[trial] = Member(self._fresh(trial))
        self._dispatch(self.env.now)

    def _fresh(self, trial: TrialId) -> Weights:
        try:
            return self._model.fresh(self.state.trials[trial].kind)
        except InputError:  # a model that says what it has not learned
            raise
        except RAISED as error:
            raise self._learning_failed(trial, error) from error

    def _learning_failed(self, trial: TrialId, error: BaseException) -> HetschedError:
        raised = f"raised {type(error).__name__} for trial {trial}{where(error)}: {error}"
        return HetschedError(f"learning model {self._setup.scenario.learning.model!r} {raised}")

    def _wake(self, event: simpy.Event) -> None:
        if event.value == self.dispatcher.wake_at:  # else the policy has thought better of it
            self._carry_out(self.dispatcher.wake(self.env.now), self.env.now)

    def _dispatch(self, now: float) -> None:
        self._carry_out(self.dispatcher.dispatch(now), now)

    def _carry_out(self, decided: Decided, now: float) -> None:
        for segment in self._packages.begin(decided.starts):
            self._put_on_its_way(segment, now)
        for stopped in decided.stops:
            self._forget(self.state.trials[stopped])
        wake_at = self.dispatcher.wake_at
        if wake_at != self._timer:
            self._timer = wake_at
            if wake_at is not None:
                self.env.timeout(wake_at - now, wake_at).callbacks.append(self._wake)
        self._look_for_end()

    def _put_on_its_way(self, segment: Segment, now: float) -> None:
        trial, worker = self.state.trials[segment.trial], self.state.workers[segment.worker]
        after = self._packages.after(segment) if segment.package else None
        parts = self._durations.parts(trial, worker, segment.iterations, after, segment.others)
        self._start(segment, trial, parts, now)

    def _look_for_end(self) -> None:
        if not self.state.running and not self._to_arrive:
            self._check_end()

    def _finish(self) -> None:
        if not self._over.triggered:
            self._over.succeed()

    def _report(self, segment: Segment, parts: Parts, now: float) -> None:
        """Report a result that the driver has, or keep it until its package is complete. Then ask
        the policy."""
        if segment.package:
            done = Done(segment, parts, (self._packages.since(segment), now))
            self._go_on(self._packages.end(segment, done, now), now)
        else:
            self._take_in(segment, parts, None, now)
        self._carry_out(self.dispatcher.dispatch(now), now)

    def _go_on(self, turn: Turn[Done], now: float) -> None:
        """Start the next trial of a worker's package, and report what is to be reported."""
        if turn.next is not None:
            self._put_on_its_way(turn.next, now)
        for done in turn.report:
            self._take_in(*done, now)

    def _take_in(self, segment: Segment, parts: Parts, worked: tuple[float, float] | None, now: float) -> None:
        """Report a result: set the trial's weights and score, and let PBT decide."""
        name, iterations = segment.trial, segment.iterations
        trial, member = self.state.trials[name], self._members[name]
        score, experiment = None, self.state.experiments[trial.experiment]
        if experiment.evaluation_images:
            if member.normals is None:
                member.normals = self._draws.normals("score", name)
            try:
                member.weights = weights = self._train(member.weights, trial.kind, trial.hyperparameters, iterations)
                normal = next(member.normals)
                score = self._score(weights, normal)
                if score is not None and type(score) is not float:
                    _expect_number(score, "a score", "a number, or None where it is not known")
                if (wrong := experiment.metric.beyond(score, NOISY)) is not None:
                    raise ValueError(wrong)
                if self._lot is not None:
                    lot = self._lot(normal)
                    if type(lot) is not float:
                        _expect_number(lot, "a lot", "a number")
                    member.lot = finite(lot)
            except RAISED as error:
                raise self._learning_failed(name, error) from error
        number = segment.segment
        ended = SegmentEnded(now, name, segment.worker, iterations, score, parts, segment=number, worked=worked)
        trial = self.dispatcher.end_segment(ended, self._perturb)
        if trial.completed is not None:
            self._forget(trial)

    def _forget(self, trial: Trial) -> None:
        """Rank the trial no longer."""
        if trial.experiment in self._pbt:
            self._pbt[trial.experiment].forget(trial.id)


def _expect_number(value: object, what: str, expected: str) -> None:
    """Raise TypeError if a learning model's value is no number."""
    if not isinstance(value, NUMBER):
        raise TypeError(f"{what} of {value!r}: expected {expected}")
