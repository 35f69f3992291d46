"""The driver of real runs against a fake Tune that starts actors late, loses, delays and repeats messages, kills
workers, nodes and the driver, damages files and fills the disk. Whatever happens, the log adds up and the run ends."""

import logging
import random
import shutil
import signal
import traceback
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from re import search
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

pytest.importorskip("torch")  # what keeps snapshots imports it

from hetsched import scheduling
from hetsched.core.decisions import Decision, Dispatch, WakeAt
from hetsched.core.events import (
    AnyEvent,
    CheckpointLost,
    Event,
    PolicyWoken,
    ResourcesSampled,
    RunResumed,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialExploited,
    WorkerLeft,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State, state_of
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import NodeId
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment, TrialId
from hetsched.errors import HetschedError, Terminated
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import CheckpointsTable
from hetsched.studies.resume import take_log, workers_of
from hetsched.testing import check_log
from real.checkpoints.generations import GENERATIONS, Checkpoints
from real.cluster.nodes import Nodes
from real.tune.clock import Clock
from real.tune.course import begin_or_go_on, carry_out
from real.tune.driver import driver_of
from real.tune.ports import Exploit
from real.tune.recall import recall
from sim.pbt import PopulationBasedTraining
from sim.replay import replay
from tests.conftest import make_setup
from tests.real.fake_tune import LATE_S, FakeTune, FullableLog, KilledError, Node, World, start_node

STRATEGIES = [
    "fusion+fifo",
    "fusion+least-progress",
    "sliced+asha",
    "fusion+pbt-sync",
    "sliced+gavel-isolated",
    "sliced+era",
]
PLACES = ["storage", "both", "object-store"]
INTERVAL = 3
SPACE: dict[str, Any] = {"lr": {"low": 0.001, "high": 1.0, "scale": "log"}, "batch_size": {"choices": [16, 32]}}
FAULTS = ["worker", "node", "hang", "damage", "disk", "driver", "signal"]
"""What may go wrong. Of each run some kinds, so that what one of them does is not hidden by the others."""
DRIVERS_WITH_FAULTS, MOST_DRIVERS, MOST_STEPS = 6, 40, 20_000


class SimulatedPBT:
    """The simulator's PBT behind the protocol of the driver: it draws what Ray's would, and needs no Ray."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        kept: Any = SimpleNamespace(trials={})
        self._trials: dict[TrialId, Trial] = kept.trials
        for number, (trial, hyperparameters) in enumerate(experiment.initial_hyperparameters(seed).items()):
            self._trials[trial] = Trial(trial, number, experiment.id, experiment.kind(number), hyperparameters, 0.0)
        assert experiment.pbt is not None
        self._pbt = PopulationBasedTraining(experiment, experiment.pbt, kept, random.Random(seed))
        self._ranks_anyhow, self._ranks, self._heard = experiment.counts_lineage, random.Random(seed), 0

    def report(self, trial: Trial) -> Exploit | None:
        """Where copies take over counts, ranks have nothing to do with scores, which tell of counts: so that counts
        jump down, too. In time they get better, or one that waits could be copied for ever."""
        if self._ranks_anyhow:
            self._heard += 1
            trial = replace(trial, score=self._ranks.random() + 0.02 * self._heard)
        self._trials[trial.id] = trial
        exploit = self._pbt.perturb(trial)
        if exploit is not None:
            self.follow_log(trial.id, exploit[1])
        return exploit

    def follow_log(self, trial: TrialId, hyperparameters: Hyperparameters) -> None:
        self._trials[trial] = replace(self._trials[trial], hyperparameters=hyperparameters)

    def forget_score(self, trial: TrialId) -> None:
        self._pbt.forget(trial)

    def complete(self, trial: TrialId) -> None:
        self._pbt.forget(trial)


def some_scenario(rng: random.Random) -> tuple[Setup, Strategy]:
    nodes = [{"name": f"n{number}", "cores": rng.randint(1, 2)} for number in range(rng.randint(1, 3))]
    setup = make_setup(
        nodes,
        population=rng.randint(2, 5),
        stop_iterations=rng.choice([6, 10, 12]),
        batch_size=512,  # the default: the search space says it
        search_space=SPACE,
        pbt={
            "perturbation_interval": INTERVAL,
            "quantile_fraction": rng.choice([0.25, 0.5]),
            "iterations": rng.choice(["own", "lineage"]),
        },
    )
    place: Any = rng.choice(PLACES)
    return setup.replace(checkpoints=CheckpointsTable(place=place)), parse_strategy(rng.choice(STRATEGIES))


class RunUnderTest:
    """A run, from its first driver to the one that completes it."""

    def __init__(self, seed: int, folder: Path, of: tuple[Setup, Strategy] | None = None) -> None:
        self.rng = random.Random(seed)
        self.seed, self.folder = seed, folder
        self.scenario, self.strategy = some_scenario(self.rng) if of is None else of
        self.place = self.scenario.scenario.checkpoints.place
        [self.experiment] = self.scenario.workload.experiments
        self.world = World(self.rng, {})
        for node in self.scenario.cluster:
            self.world.nodes[node.id] = Node(node.id, self.world.ray_node(node.id))
        self.drivers = self.kills = self.stops = self.whole_ends = self.steps = 0
        self.kinds = self.rng.sample(FAULTS, self.rng.randint(1, len(FAULTS)))

    def to_its_end(self) -> None:
        while not self._complete():
            assert self.drivers < MOST_DRIVERS, "it never ends"
            self.drivers += 1
            self.world.faults = self.drivers <= DRIVERS_WITH_FAULTS
            self.world.disk_full = False
            self._one_driver()

    def _complete(self) -> bool:
        path = self.folder / LOG_NAME
        return path.exists() and any(b'"run-ended"' in line and b'"completed"' in line for line in path.open("rb"))

    def _one_driver(self) -> None:
        self.world.store.clear()  # it belongs to the driver
        self.gone, self.losses_before, self.signals = self._not_on_disk(), self.world.stores_lost, 0
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        path = self.folder / LOG_NAME
        try:
            past = take_log(path, self.strategy, self.seed, self.experiment)
            log = FullableLog(path, self.world)
            with log:
                try:
                    self._drive(past, log)
                except KilledError:
                    log.drop()
                    raise
        except KeyboardInterrupt as stop:
            if not isinstance(stop, KilledError) and self._stopped_in_order(stop):
                self.stops += 1
            else:
                self.kills += 1
                self._may_cut_the_last_line(path)
        except (HetschedError, OSError) as error:
            if not self._may_end_with(str(error)):
                raise
            self._check_what_is_on_disk(state_of(read_log(path)))
        assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def _may_cut_the_last_line(self, path: Path) -> None:
        if self.rng.random() < 0.3:
            with path.open("ab") as file:
                file.write(b'{"event":"segment-')

    def _stopped_in_order(self, stop: KeyboardInterrupt) -> bool:
        """Whether the first signal stopped the driver: what ran was finished, or lost for a reason of its own, and all
        states are on the disk that were to be had. A second one stops it where it is, and the log says nothing."""
        state = state_of(read_log(self.folder / LOG_NAME))
        reason = "terminated" if isinstance(stop, Terminated) else "interrupted"
        if state.ended != reason:
            return False
        assert not state.running, "segments run on after a stop in order"
        assert self.signals == 1, "a second signal did not stop it at once"
        self._check_what_is_on_disk(state)
        return True

    def _check_what_is_on_disk(self, state: State) -> None:
        """A driver that ended by itself left nothing in memory that it could have written."""
        if state.workers and not self.world.disk_full and self.world.stores_lost == self.losses_before:
            assert self._not_on_disk() <= self.gone, "states were left in memory only"
            self.whole_ends += 1

    def _not_on_disk(self) -> set[Path]:
        """The files of trials' latest states that are not there."""
        path = self.folder / LOG_NAME
        checkpoints = Checkpoints(
            self.folder.resolve() / "checkpoints", 1 if self.place == "object-store" else GENERATIONS
        )
        for event in read_log(path) if path.exists() else []:
            checkpoints.follow(event)
        return set(checkpoints.missing().values())

    def _may_end_with(self, error: str) -> bool:
        """Whether it is right that the driver gave up."""
        if "No space left" in error:
            return self.world.disk_full and " failed " not in error  # a full disk is no trial's fault
        if " failed " in error:
            return self.world.faults or self.world.damaged > 0  # what is damaged stays so
        return self.world.faults and "no worker is left" in error

    def _drive(self, past: Sequence[AnyEvent], log: FullableLog) -> None:
        workers = workers_of(past) or self.scenario.workers(self.strategy)
        fake = FakeTune(self.world, workers, self.place, self.experiment.trial_ids())
        there = self._nodes_there(fake, bool(past))
        clock = Clock(0.0, self.world.time, fake.sleep)
        course = begin_or_go_on(
            self.scenario,
            self.strategy,
            self.seed,
            self.experiment,
            past,
            workers,
            there,
            log,
            [self._killing_listener()],
        )
        clock = Clock(course.clock.now(), self.world.time, fake.sleep)
        course = course._replace(clock=clock)
        nodes = Nodes(self.scenario.cluster, there, fake, self.world.time)
        pbt = SimulatedPBT(self.experiment, self.seed)
        driver = driver_of(course, self.place, self.seed, workers, nodes, fake, pbt, fake, past)

        def train() -> None:
            fake.run(driver, self._faults)
            if driver.error is not None:
                raise driver.error
            assert course.dispatcher.state.finished or course.stopping.error is not None, "it ended before its time"

        carry_out(course, self.folder, train)

    def _nodes_there(self, fake: FakeTune, may_lack: bool) -> dict[NodeId, Any]:
        """Nodes that died may be missing for a run that goes on, and are started later."""
        for node in self.world.nodes.values():
            node.hung_until = 0.0
            if not (may_lack and self.world.faults) or len(self.world.nodes) == 1:
                start_node(self.world, node)
            elif not node.alive:
                node.seen = False
                fake.later(5.0, partial(start_node, self.world, node))
        if not any(node.alive for node in self.world.nodes.values()):
            start_node(self.world, next(iter(self.world.nodes.values())))
        return {node.id: node.ray_node for node in self.world.nodes.values() if node.alive}

    def _killing_listener(self) -> Any:
        """The driver is killed at some event, or at none."""
        kills = self.world.faults and "driver" in self.kinds and self.rng.random() < 0.5
        left = self.rng.randrange(60) if kills else -1

        def listen(state: State, event: Event) -> None:
            nonlocal left
            if left == 0:
                raise KilledError
            left -= 1

        return listen

    def _faults(self, fake: FakeTune) -> None:
        self.steps += 1
        assert self.steps < MOST_STEPS, "it hangs"
        if not self.world.faults or self.rng.random() > 0.02:
            return
        kind = self.rng.choice(self.kinds)
        if kind == "worker":
            fake.kill_worker(self.rng.choice(self.scenario.workers(self.strategy)).id)
        elif kind == "node":
            fake.kill_node(self.rng.choice(list(self.world.nodes)))
        elif kind == "hang":
            fake.hang_node(self.rng.choice(list(self.world.nodes)))
        elif kind == "damage":
            self._damage_a_file()
        elif kind == "disk":
            self.world.disk_full = True
            self.world.filled += 1
        elif kind == "signal":
            self.signals += 1
            signal.raise_signal(self.rng.choice([signal.SIGINT, signal.SIGTERM]))
        else:
            raise KilledError

    def _damage_a_file(self) -> None:
        files = sorted(self.folder.glob("checkpoints/*.pt"))
        if files:
            self.world.damaged += 1
            file = self.rng.choice(files)
            file.write_bytes(file.read_bytes()[:20])


def check(run: RunUnderTest) -> None:
    """What must hold of every run that was completed, whatever went wrong on the way."""
    events = list(read_log(run.folder / LOG_NAME))
    final = state_of(events)
    assert final.ended == "completed"
    assert all(trial.completed is not None for trial in final.trials.values())
    assert not check_log(events).running
    check_weights(events)
    check_parts(events)
    if run.experiment.counts_lineage:
        check_counts(events)
    assert not search(rb'"late_s":0\.0[,}]', (run.folder / LOG_NAME).read_bytes()), (
        "a worker that was not late is told of"
    )
    check_waste(run, events)
    replayed = replay(run.scenario, events)
    assert (replayed.difference, replayed.alike) == (None, replayed.decisions)
    assert recall(events, SimulatedPBT(run.experiment, run.seed)) is None, "an exploit is missing"
    lost = sum(isinstance(event, CheckpointLost) for event in events)
    if run.place == "storage":
        assert not lost or run.world.damaged, "a checkpoint is lost, and nobody damaged it"
    elif run.place == "both":
        reasons = run.world.damaged + run.world.deaths + run.world.filled
        assert not lost or reasons, "a checkpoint is lost for no reason"
    files = [path.name for path in (run.folder / "checkpoints").iterdir()]
    best = max(final.trials.values(), key=lambda trial: trial.score or 0.0)
    if not any(name.startswith(f"{best.id}-{best.iterations}.") for name in files):
        killed_before_it_was_written = run.kills and (run.place == "object-store" or run.world.deaths)
        assert run.world.stores_lost or run.world.filled or killed_before_it_was_written, "the best weights are gone"
    else:
        assert len(files) == 1, f"files are left: {files}"


def check_weights(events: list[AnyEvent]) -> None:
    """Weights hold what the log says that was trained: the fake's score counts the iterations behind them."""
    weights: dict[str, int] = {}
    for event in events:
        if isinstance(event, SegmentEnded):
            weights[event.trial] = weights.get(event.trial, 0) + event.iterations
            assert round((event.score or 0) * 1000) == weights[event.trial], f"{event.trial} went on from other weights"
            known = None if weights[event.trial] % 5 == 0 else 1 - (event.score or 0)
            assert event.metrics == {"loss": known}, "further metrics are those of the evaluation"
            assert event.late_s == (LATE_S if weights[event.trial] % 2 else 0.0), "late is not what the worker said"
        elif isinstance(event, TrialExploited):
            weights[event.trial] = weights[event.source]
        elif isinstance(event, CheckpointLost):
            weights[event.trial] = round((event.score or 0) * 1000)


def check_parts(events: list[AnyEvent]) -> None:
    """The seconds of a lost segment are no part of a later one. The fake restores within 0.1 s."""
    begun: dict[int, float] = {}
    for event in events:
        if isinstance(event, SegmentStarted):
            begun[event.segment] = event.time
        elif isinstance(event, SegmentEnded):
            from_s, end_s = event.worked or (begun[event.segment], event.time)
            assert event.parts.total_s <= end_s - from_s + 0.1001, f"{event.trial} has seconds of another segment"


def check_counts(events: list[AnyEvent]) -> None:
    """Where copies take over counts, a trial always counts the iterations behind its weights."""
    state = State()
    for event in events:
        state.apply(event)
        if isinstance(event, SegmentEnded | TrialExploited | CheckpointLost):
            trial = state.trials[event.trial]
            assert round((trial.score or 0) * 1000) == trial.iterations, f"{trial.id} counts what its weights have not"


def check_waste(run: RunUnderTest, events: list[AnyEvent]) -> None:
    """Whatever was trained and does not count is explained by a loss, segment by segment.

    A driver that dies takes with it what its log held back until files were complete, so runs that
    keep files behind are looked at if no driver died.
    """
    ended = sum(isinstance(event, SegmentEnded) for event in events)
    losses = sum(isinstance(event, SegmentLost) for event in events)
    if run.place == "storage" or not run.kills:
        assert run.world.trained - ended <= losses, "a finished segment was trained twice"
    assert sum(isinstance(event, RunResumed) for event in events) <= run.drivers - 1


@pytest.fixture(autouse=True)
def each_signal_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast the signals of these tests come after one another."""
    monkeypatch.setattr("real.tune.stopping.ONE_SIGNAL_S", 0.0)


class Heard(logging.Handler):
    """What is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler, loggers = Heard(), [logging.getLogger(name) for name in ("real", "hetsched")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)
        logger.propagate = True


def put_through(
    seeds: range, folder: Path, heard: Heard, of: tuple[Setup, Strategy] | None = None
) -> list[RunUnderTest]:
    runs = []
    for seed in seeds:
        heard.messages.clear()
        place = folder / str(seed)
        place.mkdir()
        run = RunUnderTest(seed, place, of)
        try:
            run.to_its_end()
            check(run)
            assert not [message for message in heard.messages if "PBT decides otherwise" in message]
            assert not [message for message in heard.messages if "without memory" in message]
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not isinstance(error, KilledError):
                raise
            pytest.fail(f"seed {seed} ({run.strategy}, {run.place}), files in {place}:\n{traceback.format_exc()}")
        shutil.rmtree(place)
        runs.append(run)
    return runs


@pytest.mark.parametrize("tries", [60, pytest.param(400, marks=pytest.mark.exhaustive)])
def test_whatever_goes_wrong_the_log_adds_up_and_the_run_ends(tries: int, tmp_path: Path, heard: Heard) -> None:
    runs = put_through(range(tries), tmp_path, heard)
    assert {(run.place, run.experiment.counts_lineage) for run in runs} == {(p, way) for p in PLACES for way in (0, 1)}
    assert sum(run.kills for run in runs) > tries / 4
    assert sum(run.stops for run in runs) > tries / 8
    assert sum(run.whole_ends for run in runs if run.place == "object-store") > tries / 27
    assert sum(run.world.deaths for run in runs) > tries / 4
    assert sum(run.world.damaged for run in runs) > tries / 20


@pytest.mark.parametrize("seed", range(4))
def test_a_run_is_the_same_but_for_its_samples(seed: int, tmp_path: Path) -> None:
    """Nothing depends on what nodes use: no decision, no time, and not when the policy is asked."""
    logs: list[list[AnyEvent]] = []
    for samples in (True, False):
        folder = tmp_path / str(samples)
        folder.mkdir()
        run = RunUnderTest(seed, folder)
        run.kinds = ["worker", "node", "hang", "damage"]
        run.world.samples = samples
        run.to_its_end()
        logs.append(list(read_log(folder / LOG_NAME)))
    others = [event for event in logs[0] if not isinstance(event, ResourcesSampled)]
    assert len(logs[0]) > len(others) and others == logs[1]


class RoundRobin:
    """Begins each call one trial further on: what it decides depends on how often it was asked."""

    def __init__(self) -> None:
        self.turn = 0

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        self.turn += 1
        ready = list(state.ready_trials)
        if self.turn % 3 or not state.running:  # now and then it wants nothing, which no decision tells
            for place, worker in zip(range(len(ready)), state.idle_workers, strict=False):
                trial = ready[(self.turn + place) % len(ready)]
                yield Dispatch(trial.id, worker.id, state.interval(trial))


@pytest.mark.parametrize("tries", [15, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_a_policy_that_counts_how_often_it_is_asked_remembers_it(tries: int, tmp_path: Path, heard: Heard) -> None:
    scheduling.register("test-round-robin")(RoundRobin)
    nodes = [{"name": f"n{number}", "cores": 2} for number in range(3)]
    setup = make_setup(
        nodes,
        population=5,
        stop_iterations=12,
        pbt={"perturbation_interval": INTERVAL},
        search_space=SPACE,
        batch_size=512,
    )
    runs = put_through(range(tries), tmp_path, heard, (setup, Strategy("sliced", "test-round-robin")))
    assert sum(run.kills for run in runs) > tries / 4


PACKAGED = make_setup(
    [{"name": "n0", "cores": 1}, {"name": "n1", "cores": 4}],
    population=7,
    stop_iterations=12,
    pbt={"perturbation_interval": INTERVAL},
    search_space=SPACE,
    batch_size=512,
)
"""Two unequal workers and seven trials: `era` gives the faster one packages of five at first."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("tries", [6, pytest.param(30, marks=pytest.mark.exhaustive)])
def test_packages_add_up_whatever_goes_wrong(place: Any, tries: int, tmp_path: Path, heard: Heard) -> None:
    """Their results come together; what was not reported when a worker, a node or the driver died is trained again."""
    setup = PACKAGED.replace(checkpoints=CheckpointsTable(place=place))
    runs = [
        run
        for policy, seeds in (("era", range(tries)), ("eta", range(30, 30 + tries)))
        for run in put_through(seeds, tmp_path, heard, (setup, Strategy("fusion", policy)))
    ]
    assert sum(run.kills for run in runs) > tries / 3
    assert sum(run.stops for run in runs) > tries / 6
    assert sum(run.world.deaths for run in runs) > 2 * tries / 3


def test_a_package_is_trained_in_sequence_and_reported_together(tmp_path: Path) -> None:
    run = RunUnderTest(0, tmp_path, (PACKAGED, Strategy("fusion", "era")))
    run.world.faults = False
    run._one_driver()
    events = list(read_log(tmp_path / LOG_NAME))
    assert state_of(events).ended == "completed" and not check_log(events).running
    packages: dict[int, list[SegmentStarted]] = {}
    for event in events:
        if isinstance(event, SegmentStarted) and event.package:
            packages.setdefault(event.package, []).append(event)
    first = packages[min(packages)]
    ends = {event.segment: event for event in events if isinstance(event, SegmentEnded)}
    assert [start.trial for start in first] == [f"e-{number}" for number in range(len(first))] and len(first) > 1
    for package in packages.values():
        ended = [ends[start.segment] for start in package]
        assert len({end.time for end in ended}) == 1, "not reported together"
        worked = [end.worked for end in ended if end.worked is not None]
        assert len(worked) == len(package)
        assert worked[0][0] == package[0].time and worked[-1][1] == ended[0].time
        assert [begun for begun, _ in worked[1:]] == [done for _, done in worked[:-1]], "not one after another"


class Waker:
    """Starts one trial, wants to be woken at 10 s, and then does what is usual."""

    def __init__(self) -> None:
        self.asked_at: list[float] = []

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        self.asked_at.append(state.now)
        pairs = list(zip(state.ready_trials, state.idle_workers, strict=False))
        starts: list[Decision] = [Dispatch(trial.id, worker.id, state.interval(trial)) for trial, worker in pairs]
        return [starts[0], WakeAt(10.0)] if len(self.asked_at) == 1 else starts


class LosesANode(RunUnderTest):
    """A run whose node without work is gone after 5 s, for good."""

    def _faults(self, fake: FakeTune) -> None:
        if self.world.now >= 5.0:
            self.world.nodes[NodeId("n1")].alive = self.world.nodes[NodeId("n1")].seen = False


def test_a_wake_up_holds_although_an_idle_worker_leaves(tmp_path: Path) -> None:
    waker = Waker()
    scheduling.register("test-waker")(lambda: waker)
    nodes = [{"name": "n0", "cores": 1}, {"name": "n1", "cores": 1}]
    setup = make_setup(
        nodes, population=2, stop_iterations=200, pbt={"perturbation_interval": 200}, search_space=SPACE, batch_size=512
    )
    run = LosesANode(1, tmp_path, (setup, Strategy("fusion", "test-waker")))
    run.world.faults = False
    run._one_driver()
    events = list(read_log(tmp_path / LOG_NAME))
    assert state_of(events).ended == "completed"
    left = [event.time for event in events if isinstance(event, WorkerLeft)]
    woken = [event.time for event in events if isinstance(event, PolicyWoken)]
    ends = [event.time for event in events if isinstance(event, SegmentEnded)]
    assert len(left) == len(woken) == 1, "it is due once, although the policy could not be asked"
    assert left[0] < 10.0 <= woken[0] < 11.0 < ends[0]
    assert [time for time in waker.asked_at if 0.0 < time < ends[0]] == [], "nobody was idle"


@pytest.mark.exhaustive
@pytest.mark.parametrize("thousand", range(10))
def test_whatever_goes_wrong_ten_thousand_times(thousand: int, tmp_path: Path, heard: Heard) -> None:
    put_through(range(1000 * thousand, 1000 * (thousand + 1)), tmp_path, heard)
