"""Packages of trials: decisions worked out by hand from the rules of the follow-up of HRFS."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from hetsched import scheduling
from hetsched.analysis.metrics import measure
from hetsched.analysis.timeline import Timeline
from hetsched.analysis.utilisation_over_time import WorkerTimes
from hetsched.core.decisions import Decision, Dispatch
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    Event,
    Parts,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import LOG_NAME, LogWriter, read_log
from hetsched.core.state import State, state_of
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Node, NodeId, Worker, WorkerId, cpu_worker, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError, PolicyError
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import CheckpointsTable, FaultsTable
from hetsched.scheduling.packages.ability import abilities, candidates, scores_of
from hetsched.scheduling.packages.era import shrinks
from hetsched.testing import check_log
from sim.disturbed import DisturbedSimulation
from sim.replay import replay
from tests.conftest import NO_OVERHEADS, ROWS, Simulate, make_setup, profile_row

A, B = cpu_worker(Node(NodeId("a"), 1), 0, 1), cpu_worker(Node(NodeId("b"), 4), 0, 4)
THREE = ({"name": "a", "cores": 1}, {"name": "b", "cores": 2}, {"name": "c", "cores": 4})
"""Segments of 10 iterations take 40 s on a, 20 s on b, 10 s on c: 128, 256 and 512 samples per second."""


OF_TEN: dict[str, Any] = {"pbt": {"enabled": False}, "checkpoint_interval": 10}
"""An interval is 10 iterations, and nothing is copied."""


def named(scores: list[float]) -> dict[WorkerId, float]:
    return {WorkerId(f"w{number}"): score for number, score in enumerate(scores)}


@pytest.mark.parametrize(
    ("scores", "population", "expected"),
    [
        ([128, 256, 512], 7, [2, 2, 3]),  # 1 + round(4/7, 8/7, 16/7) = 2, 2, 3
        ([100, 100, 100], 5, [2, 2, 1]),  # 1 + round(2/3) = 2 each, 6 in all: the slowest gives one back
        ([1, 1, 1, 1], 7, [2, 2, 2, 1]),  # 1 + round(3/4) = 2 each, 8 in all: again
        ([100, 100, 400], 5, [1, 1, 3]),  # 1 + round(1/3, 1/3, 4/3) = 1, 1, 2: one is missing, to the fastest
        ([10, 10, 10, 10, 11], 7, [1, 1, 1, 2, 2]),  # 2 x 0.2 rounds to 0: two missing, to the fastest in turn
        ([300, 100], 2, [1, 1]),  # as many as workers
        ([100, 300, 200], 2, [0, 1, 1]),  # fewer: the fastest
        ([100, 100, 100], 1, [1, 0, 0]),
    ],
)
def test_abilities(scores: list[float], population: int, expected: list[int]) -> None:
    found = list(abilities(named(scores), population).values())
    assert sum(found) == population
    assert sorted(found) == sorted(expected)
    by_score: dict[float, list[int]] = {}
    for score, ability in zip(scores, found, strict=True):
        by_score.setdefault(score, []).append(ability)
    for score, wanted in zip(scores, expected, strict=True):  # which of equal workers is first, no rule says
        by_score[score].remove(wanted)
    assert not any(by_score.values())


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        (0, 0),  # nothing is reported
        (50, 0),  # L = 950, (1000 - 950) / 100 = 0.5
        (100, 1),
        (550, 5),
        (999, 9),  # L = 1
        (1000, 10),  # L = 0
    ],
)
def test_how_often_era_shrinks_packages(lead: int, expected: int) -> None:
    [experiment] = make_setup(
        population=50, stop_iterations=1000, pbt={"perturbation_interval": 50}
    ).workload.experiments
    assert shrinks(experiment, lead) == expected


@pytest.mark.parametrize(("lead", "expected"), [(0, 0), (100, 0), (800, 2), (900, 6), (1000, 10)])
def test_era_shrinks_late_where_much_is_left(lead: int, expected: int) -> None:
    # 200 trials: L = 4 x (1000 - lead), above the stop iterations until lead = 750.
    [experiment] = make_setup(
        population=200, stop_iterations=1000, pbt={"perturbation_interval": 50}
    ).workload.experiments
    assert shrinks(experiment, lead) == expected


FREE = {"evaluation_s_per_image": 0.0, "restore_s": 0.0, "checkpoint_s": 0.0}

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "packages.jsonl"


def starts(events: Sequence[Event]) -> list[tuple[float, str, list[str]]]:
    """What is taken when and where, package by package."""
    found: list[tuple[float, str, list[str]]] = []
    for event in events:
        if isinstance(event, SegmentStarted):
            if event.follows:
                found[-1][2].append(event.trial)
            else:
                found.append((event.time, event.worker[0], [event.trial]))
    return found


def test_era_takes_abilities_and_reports_packages_at_their_end(simulate_log: Simulate) -> None:
    # Abilities 2, 2, 3 of 7 trials. c reports at 30 s and takes its three again, as nobody else waits; b at 40 s; at
    # 80 s a and b report, and c, which has waited since 60 s, is the first: the two of a have one interval left. With
    # stop 20 and interval 10, L = 7 after the first report, and x = floor((20 - 7) / 100) = 0: nothing shrinks.
    setup = make_setup(THREE, overheads=NO_OVERHEADS, population=7, stop_iterations=20, **OF_TEN)
    events = simulate_log(setup, "fusion+era")
    assert starts(events) == [
        (0.0, "a", ["e-0", "e-1"]),
        (0.0, "b", ["e-2", "e-3"]),
        (0.0, "c", ["e-4", "e-5", "e-6"]),
        (30.0, "c", ["e-4", "e-5", "e-6"]),
        (40.0, "b", ["e-2", "e-3"]),
        (80.0, "c", ["e-0", "e-1"]),
    ]
    ends = {event.segment: event for event in events if isinstance(event, SegmentEnded)}
    assert [(ends[n].time, ends[n].worked) for n in (5, 6, 7)] == [
        (30.0, (0.0, 10.0)),
        (30.0, (10.0, 20.0)),
        (30.0, (20.0, 30.0)),
    ]
    assert all(trial.completed is not None for trial in check_log(events).trials.values())
    replayed = replay(setup, events)
    assert (replayed.difference, replayed.replayed_makespan_s) == (None, 100.0)


def test_a_worker_that_trained_a_package_at_once_is_found(simulate_log: Simulate) -> None:
    setup = make_setup(THREE, overheads=NO_OVERHEADS, population=7, stop_iterations=20, **OF_TEN)
    events = simulate_log(setup, "fusion+era")
    [at] = [n for n, event in enumerate(events) if isinstance(event, SegmentEnded) and event.segment == 6]
    for worked in ((0.0, 20.0), None):
        events[at] = structs.replace(events[at], worked=worked)
        with pytest.raises(AssertionError, match=r"e-5 from 0.0 s, and its package's segment before to 10.0 s"):
            check_log(events)


def test_eta_grows_packages_to_the_time_of_the_slowest_worker(simulate_log: Simulate) -> None:
    # One trial each at first. Until a reports, at 40 s, the longest r is that of those that have reported: c repeats
    # with one at 10 s (10 / 10), and at 20 s, when b has just reported, with ceil(20 / 10) = 2. At 40 s a takes one (it
    # is the first of those that report then, and e-2 has waited longest), b ceil(40 / 20) = 2, c ceil(40 / 10) = 4.
    setup = make_setup(THREE, overheads=NO_OVERHEADS, population=7, stop_iterations=20, **OF_TEN)
    events = simulate_log(setup, "fusion+eta")
    assert starts(events) == [
        (0.0, "a", ["e-0"]),
        (0.0, "b", ["e-1"]),
        (0.0, "c", ["e-2"]),
        (10.0, "c", ["e-3"]),
        (20.0, "b", ["e-4"]),
        (20.0, "c", ["e-5", "e-6"]),
        (40.0, "a", ["e-2"]),
        (40.0, "b", ["e-1", "e-3"]),
        (40.0, "c", ["e-0", "e-4", "e-5", "e-6"]),
    ]
    assert measure(events, setup).makespan_s == 80.0


def test_equally_advanced_trials_are_taken_as_they_came_to_wait(simulate_log: Simulate) -> None:
    # Two equal workers, one trial each at first. e-0 and e-1 come back at 40 s, e-2 and e-3 at 80 s: least advanced
    # first, and of those that are equal the one that came first. By their index e-0 would be as early.
    nodes = ({"name": "a", "cores": 1}, {"name": "b", "cores": 4})
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=4, stop_iterations=20, **OF_TEN)
    events = simulate_log(setup, "fusion+eta")
    # a: e-0 to 40 s. b: e-1 to 10 s, e-2 to 20 s, e-3 to 30 s, then of e-1, e-2, e-3 (10 iterations each) e-1 to 40 s.
    assert starts(events)[:5] == [
        (0.0, "a", ["e-0"]),
        (0.0, "b", ["e-1"]),
        (10.0, "b", ["e-2"]),
        (20.0, "b", ["e-3"]),
        (30.0, "b", ["e-1"]),
    ]
    # At 40 s e-0 comes back, with as many iterations as e-2 and e-3, and goes behind them.
    assert [trial for time, _, package in starts(events) if time == 40.0 for trial in package] == ["e-2", "e-3", "e-0"]


def test_gpa_retires_the_slowest_nine_of_more_than_nine_workers() -> None:
    able = {WorkerId(f"w{number}"): ability for number, ability in enumerate([5, 1, 2, 3, 4, 1, 2, 3, 4, 6, 7, 0])}
    # Of eleven that work, the two with 6 and 7 stay.
    assert sorted(candidates(able)) == sorted(w for w, ability in able.items() if 0 < ability < 6)
    assert candidates(dict(list(able.items())[:9])) == []
    few = {WorkerId(f"w{number}"): int(number < 3) for number in range(10)}
    assert len(candidates(few)) == 2, "one of those that work stays"


@pytest.mark.parametrize("policy", ["era", "eta"])
def test_gpa_leaves_the_end_to_the_fast_workers(simulate_log: Simulate, policy: str) -> None:
    nodes = ({"name": "slow", "cores": 1, "count": 9}, {"name": "fast", "cores": 4})
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=20, stop_iterations=50, **OF_TEN)
    late = {}
    for gpa in (False, True):
        options = setup.replace(scheduling={policy: {"gpa": gpa}})
        events = simulate_log(options, f"fusion+{policy}")
        assert all(trial.completed is not None for trial in state_of(events).trials.values())
        reached = next(time for time, lead in leads(events) if lead >= 40)
        late[gpa] = [worker for time, worker, _ in starts(events) if time > reached]
    assert "s" in late[False]
    assert set(late[True]) == {"f"}


def leads(events: list[Event]) -> list[tuple[float, int]]:
    state, found = State(), []
    for event in events:
        state.apply(event)
        found.append((event.time, max(state.lead.values(), default=0)))
    return found


@pytest.mark.parametrize("policy", ["era", "eta"])
def test_fewer_trials_than_workers_are_for_the_fastest(simulate_log: Simulate, policy: str) -> None:
    setup = make_setup(THREE, overheads=NO_OVERHEADS, population=2, stop_iterations=20, **OF_TEN)
    assert {worker for _, worker, _ in starts(simulate_log(setup, f"fusion+{policy}"))} == {"b", "c"}


class Run:
    """Two workers, a at 4 s an iteration and b at 1 s, whose segments end, or break, when the test says so."""

    def __init__(self, policy: str, population: int) -> None:
        self.state = State()
        self.events: list[Event] = []
        self.looked_at: list[TrialId] = []
        self.dispatcher = Dispatcher(
            self.state, scheduling.policies.create(policy), policy, StepTimes(ROWS), listeners=[self._listen]
        )
        for worker in (A, B):
            self.dispatcher.record(WorkerJoined(0.0, worker))
        setup = make_setup(({"name": "a", "cores": 1}, {"name": "b", "cores": 4}), population=population)
        self.dispatcher.set_up(setup.cluster, setup.workload, np.random.default_rng(0))
        self.dispatcher.arrive(0.0, setup.workload.experiments[0], seed=0)
        self.dispatcher.dispatch(0.0)

    def _listen(self, state: State, event: Event) -> None:
        self.events.append(event)

    def on(self, worker: Worker) -> list[str]:
        return [segment.trial for segment in self.state.running.values() if segment.worker == worker.id]

    def end(self, worker: Worker, *trials: str) -> None:
        """A package is reported."""
        now, parts = self.state.now + 10, Parts(0.0, 0.0, 40.0 / worker.cores, 0.0, 0.0, 0.0)
        for trial in trials or self.on(worker):
            ended = SegmentEnded(now, TrialId(trial), worker.id, 10, 0.5, parts)
            self.dispatcher.end_segment(ended, lambda trial: self.looked_at.append(trial.id))
        self.dispatcher.dispatch(now)


def test_nothing_of_a_package_is_visible_before_its_report() -> None:
    run = Run("era", 7)
    assert (run.on(A), run.on(B)) == (["e-0", "e-1"], ["e-2", "e-3", "e-4", "e-5", "e-6"])
    assert not run.state.ready and not run.state.idle
    assert {trial.iterations for trial in run.state.trials.values()} == {0} == set(run.state.lead.values())
    package = run.on(B)
    run.end(B)
    assert run.looked_at == package, "PBT looks at each in order"
    last = run.state.last_packages[B.id]
    assert (last.trials, last.seconds) == (5, 10.0)
    assert run.on(B) == package


def test_a_package_is_expected_to_end_with_its_last_trial() -> None:
    # a trains two trials for 40 s each, b five for 10 s each; both start up once, for 100 s.
    run = Run("era", 7)
    for start_up_s in (0.0, 100.0):
        rows = [row.model_copy(update={"start_up_s": start_up_s, **FREE}) for row in ROWS]
        view = StateView(run.state, StepTimes(rows))
        ends = {segment.worker: view.expected_end(segment) for segment in run.state.running.values()}
        assert ends == {A.id: start_up_s + 80.0, B.id: start_up_s + 50.0}
        assert {view.expected_end(segment) for segment in run.state.running.values()} == set(ends.values())


def test_a_worker_is_busy_until_the_whole_package_is_reported() -> None:
    run = Run("era", 7)
    run.end(B, "e-2", "e-3")
    assert B.id not in run.state.idle and run.on(B) == ["e-4", "e-5", "e-6"]


def test_the_golden_log_is_what_the_rules_say() -> None:
    # The run of `test_era_takes_abilities_...`: its decisions by hand are taken again, and nothing of it is late.
    setup = make_setup(THREE, overheads=NO_OVERHEADS, population=7, stop_iterations=20, **OF_TEN)
    events = list(read_log(GOLDEN))
    assert check_log(events).ended == "completed"
    assert [package[1:] for package in starts(events)] == [
        ("a", ["e-0", "e-1"]),
        ("b", ["e-2", "e-3"]),
        ("c", ["e-4", "e-5", "e-6"]),
        ("c", ["e-4", "e-5", "e-6"]),
        ("b", ["e-2", "e-3"]),
        ("c", ["e-0", "e-1"]),
    ]
    replayed = replay(setup, events)
    assert (replayed.difference, replayed.alike, replayed.replayed_makespan_s) == (None, 14, 100.0)
    metrics = measure(events, setup)
    # Trials are completed when their packages are reported: three at 60 s, two at 80 s, two at 100 s.
    assert metrics.mean_jct_s == (3 * 60 + 2 * 80 + 2 * 100) / 7
    assert metrics.utilisation == 240 / 300


@pytest.mark.parametrize(
    ("altered", "why"),
    [({"time": 31.0}, "was reported at 30.0 s"), ({"segment": 9}, "runs segment 6")],
)
def test_a_package_that_is_not_reported_together_is_found(altered: dict[str, Any], why: str) -> None:
    events = list(read_log(GOLDEN))
    second = next(n for n, event in enumerate(events) if isinstance(event, SegmentEnded) and event.trial == "e-5")
    later = [event for event in events[second + 1 :] if event.time > 31.0]
    with pytest.raises(AssertionError, match=why):
        check_log([*events[:second], structs.replace(events[second], **altered), *later])


class LosesB(DisturbedSimulation):
    """The worker b leaves at 35 s, for good."""

    def _start_processes(self) -> None:
        self.env.timeout(35.0).callbacks.append(lambda _: self.leave([B.id], "it is gone", None))


def test_a_worker_that_leaves_takes_its_package_along(tmp_path: Path) -> None:
    # b would report five trials at 50 s and leaves at 35 s: what it trained is lost, and all five wait again.
    nodes = ({"name": "a", "cores": 1}, {"name": "b", "cores": 4})
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=7, stop_iterations=10, **OF_TEN)
    with LogWriter(tmp_path / LOG_NAME, durable=False) as log:
        LosesB(setup, Strategy("fusion", "era"), 0, [A, B], log).run()
    events = list(read_log(tmp_path / LOG_NAME))
    lost = [event for event in events if isinstance(event, SegmentLost)]
    assert {event.time for event in lost} == {35.0} and len(lost) == 5
    assert any(isinstance(event, WorkerLeft) for event in events)
    assert all(trial.completed is not None for trial in check_log(events).trials.values())
    assert starts(events)[2] == (80.0, "a", ["e-2", "e-3", "e-4", "e-5", "e-6"]), "alone, a gets all seven"
    metrics = measure(events, setup)
    assert (metrics.lost_segments, metrics.wasted_s) == (5, 35.0), "the time of a package counts once"
    assert metrics.utilisation == 1.0


class CrashesOnB(DisturbedSimulation):
    """The first segment that is under way on the worker b at `at_s` crashes then."""

    at_s = 25.0

    def _start(self, segment: SegmentStarted, trial: Trial, parts: Parts, now: float) -> None:
        super()._start(segment, trial, parts, now)
        if segment.worker == B.id and now < self.at_s < now + parts.total_s:
            running = self._running[trial.id]
            running.crashes, running.whole_s, running.left_s = True, self.at_s - now, self.at_s - now
            self._end_in(running.left_s, running)


class CrashesAtTheEnd(CrashesOnB):
    at_s = 45.0


def crashed(kind: type[CrashesOnB], folder: Path, **overheads: Any) -> tuple[Setup, list[Event]]:
    """b trains its five trials for 10 s each."""
    nodes = ({"name": "a", "cores": 1}, {"name": "b", "cores": 4})
    setup = make_setup(nodes, overheads=NO_OVERHEADS | overheads, population=7, stop_iterations=20, **OF_TEN)
    with LogWriter(folder / LOG_NAME, durable=False) as log:
        kind(setup, Strategy("fusion", "era"), 0, [A, B], log).run()
    return setup, list(read_log(folder / LOG_NAME))


@pytest.mark.parametrize("kind", [CrashesOnB, CrashesAtTheEnd])
def test_only_the_time_of_the_lost_segment_of_a_package_is_wasted(kind: type[CrashesOnB], tmp_path: Path) -> None:
    # The third of five is lost 5 s after it began, or the last one; what the others took is reported at 45 s.
    setup, events = crashed(kind, tmp_path)
    assert [event.time for event in events if isinstance(event, SegmentEnded)][:4] == [45.0] * 4
    metrics = measure(events, setup)
    assert (metrics.lost_segments, metrics.wasted_s) == (1, 5.0)
    times = WorkerTimes()
    for event in events:
        times(event)
    stays = [stay.to_s - stay.from_s for stay in times.busy(metrics.makespan_s) if stay.worker.id == B.id]
    assert metrics.workers[B.id].busy_s == sum(stays) == 105.0


@pytest.mark.parametrize(("kind", "in_memory"), [(CrashesOnB, "e-6"), (CrashesAtTheEnd, None)])
def test_a_crash_at_the_end_of_a_package_leaves_nothing_in_memory(
    kind: type[CrashesOnB], in_memory: str | None, tmp_path: Path
) -> None:
    _, events = crashed(kind, tmp_path)
    reported = max(n for n, event in enumerate(events) if isinstance(event, SegmentEnded) and event.time == 45.0)
    state = state_of(events[: reported + 1])
    assert state.in_memory.get(B.id) == in_memory
    assert state.must_restore(state.trials[TrialId("e-5")], B.id)


@pytest.mark.parametrize("place", ["storage", "object-store", "both"])
def test_packages_add_up_under_faults(simulate_log: Simulate, place: str) -> None:
    faults = {"nodes": {"mean_between_s": 200.0, "mean_repair_s": 20.0}, "trials": {"mean_between_s": 150.0}}
    setup = make_setup(THREE, overheads=NO_OVERHEADS, population=12, stop_iterations=40).replace(
        faults=FaultsTable.model_validate(faults), checkpoints=CheckpointsTable.model_validate({"place": place})
    )
    lost = 0
    for policy in ("era", "eta"):
        for seed in range(4):
            events = simulate_log(setup, f"fusion+{policy}", seed)
            assert all(trial.completed is not None for trial in check_log(events).trials.values())
            metrics = measure(events, setup)
            assert metrics.utilisation is not None and metrics.utilisation <= 1 + 1e-9
            assert replay(setup, events).difference is None
            lost += metrics.lost_segments
    assert lost > 20


def test_figures_count_the_time_of_a_package_once(simulate_log: Simulate) -> None:
    setup = make_setup(THREE, overheads=NO_OVERHEADS, population=7, stop_iterations=20, **OF_TEN)
    events = simulate_log(setup, "fusion+era")
    metrics = measure(events, setup)
    assert {worker[0]: one.busy_s for worker, one in metrics.workers.items()} == {"a": 80.0, "b": 80.0, "c": 80.0}
    times, timeline, state = WorkerTimes(), Timeline(), State()
    for event in events:
        state.apply(event)
        times(event)
        timeline(state, event)
    assert sum(stay.to_s - stay.from_s for stay in times.busy(100.0)) == 240.0
    drawn = [(one.start_s, one.end_s) for one in timeline.segments(state) if one.workers[0].startswith("c")]
    assert drawn == [(start, start + 10.0) for start in (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 80.0, 90.0)]
    half, running = State(), WorkerTimes()
    for event in events[: events.index(next(event for event in events if isinstance(event, SegmentEnded)))]:
        half.apply(event)
        running(event)
    assert [stay.to_s for stay in running.busy(5.0)] == [5.0, 5.0, 5.0]


class Wrong:
    """Decides one package, which must be refused."""

    def __init__(self, then: object) -> None:
        self._then = then

    def dispatch(self, state: StateView) -> list[Decision]:
        first = state.ready_trials[0]
        then: tuple[TrialId, ...] = self._then  # type: ignore[assignment]
        return [Dispatch(first.id, next(iter(state.idle_workers)).id, 10, then=then)]


@pytest.mark.parametrize(
    ("then", "why"),
    [
        (["e-1"], "are a tuple"),
        (("e-0",), "each trial once"),
        (("e-1", "e-1"), "each trial once"),
        (("e-9",), "no such trial"),
        ((7,), "are ids"),
    ],
)
def test_wrong_packages_are_refused(then: object, why: str) -> None:
    dispatcher = Dispatcher(State(), Wrong(then), "wrong", StepTimes(ROWS))
    dispatcher.record(WorkerJoined(0.0, A))
    dispatcher.arrive(0.0, make_setup(population=3).workload.experiments[0], seed=0)
    with pytest.raises(PolicyError, match=why):
        dispatcher.dispatch(0.0)


def test_wrong_options_are_named() -> None:
    with pytest.raises(InputError, match="shrink"):
        scheduling.policies.create("era", {"shrink": 0.0})
    with pytest.raises(InputError, match="gpa"):
        scheduling.policies.create("eta", {"gpa": 3})


@pytest.mark.parametrize("policy", ["era", "eta"])
def test_what_only_a_worker_of_ability_0_can_run_is_run_by_it(simulate_log: Simulate, policy: str) -> None:
    # Two trials on three workers: a, the slowest, has ability 0. A batch of 64 fits nowhere else.
    setup = make_setup(
        THREE,
        [*ROWS, profile_row(cores=1, seconds=8.0, batch_size=64)],
        NO_OVERHEADS,
        population=2,
        batch_size=[32, 64],
        **OF_TEN,
    )
    state = state_of(simulate_log(setup, f"fusion+{policy}"))
    assert {trial.id: trial.at for trial in state.trials.values()} == {"e-0": "c/cpu0", "e-1": "a/cpu0"}
    assert all(trial.completed is not None for trial in state.trials.values())


@pytest.mark.parametrize("policy", ["era", "eta"])
def test_what_only_retired_workers_can_run_is_run_by_them(simulate_log: Simulate, policy: str) -> None:
    # Of 11 workers the 9 of one core are slow, and retire. A batch of 64 fits nowhere else.
    nodes = [{"name": "a", "cores": 1, "count": 9}, {"name": "b", "cores": 2}, {"name": "c", "cores": 4}]
    setup = make_setup(
        nodes,
        [*ROWS, profile_row(cores=1, seconds=8.0, batch_size=64)],
        NO_OVERHEADS,
        population=24,
        batch_size=[32, 64],
        **OF_TEN,
    ).replace(scheduling={policy: {"gpa": True}})
    assert all(t.completed is not None for t in state_of(simulate_log(setup, f"fusion+{policy}")).trials.values())


@pytest.mark.parametrize("policy", ["era", "eta"])
def test_an_experiment_whose_workers_have_all_left_waits(policy: str) -> None:
    """The abilities of no workers were looked for without end."""
    setup = make_setup(
        ({"name": "a", "cores": 1}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}),
        overheads=NO_OVERHEADS,
        experiments=[{"name": "e", "devices": ["cpu"]}, {"name": "f", "devices": ["v100"]}],
    )
    gpu = gpu_worker(Node(NodeId("g"), 1, 1, "v100"), 0, 1)
    dispatcher = Dispatcher(State(), scheduling.policies.create(policy), policy, setup.times)
    for worker in (A, gpu):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.record(WorkerLeft(0.0, gpu.id, "a test"))
    for experiment in setup.workload.experiments:
        dispatcher.arrive(0.0, experiment, seed=0)
    assert {(start.trial.split("-")[0], start.worker) for start in dispatcher.dispatch(0.0).starts} == {("e", A.id)}


def test_a_package_is_of_the_least_advanced_trial_that_the_worker_may_train() -> None:
    # e-0 has 10 iterations, e-1 and f-0 none. A batch of 64, which e-1 has, does not fit on b: b takes f-0, not e-0.
    setup = make_setup(
        ({"name": "a", "cores": 1}, {"name": "b", "cores": 4}),
        [*ROWS, profile_row(cores=1, seconds=8.0, batch_size=64)],
        NO_OVERHEADS,
        experiments=[{"name": "e", "population": 2, "batch_size": [32, 64]}, {"name": "f", "population": 2}],
    )
    state = State()
    dispatcher = Dispatcher(state, scheduling.policies.create("eta"), "eta", setup.times)
    dispatcher.record(RunStarted(0.0, "test", "fusion+eta", "sim", 0, False, False))
    dispatcher.record(WorkerJoined(0.0, A))
    dispatcher.arrive(0.0, setup.workload.experiments[0], seed=0)
    (start,) = dispatcher.dispatch(0.0).starts
    assert start.trial == "e-0"
    ended = SegmentEnded(40.0, start.trial, A.id, 10, 0.5, Parts(0.0, 0.0, 40.0, 0.0, 0.0, 0.0))
    dispatcher.end_segment(ended, lambda trial: None)
    dispatcher.record(WorkerLeft(40.0, A.id, "a test"))
    dispatcher.arrive(40.0, setup.workload.experiments[1], seed=0)
    dispatcher.record(WorkerJoined(40.0, B))
    assert [start.trial for start in dispatcher.dispatch(40.0).starts] == ["f-0"]


def test_of_equally_advanced_trials_the_one_that_has_waited_longest_is_first_in_whatever_experiment() -> None:
    # e-1's segment was lost: f-0 waits longer than e-1, and e-0 longest.
    setup = make_setup(
        ({"name": "a", "cores": 1}, {"name": "b", "cores": 4}),
        overheads=NO_OVERHEADS,
        experiments=[{"name": "e", "population": 2}, {"name": "f", "population": 2}],
    )
    state = State()
    dispatcher = Dispatcher(state, scheduling.policies.create("eta"), "eta", setup.times)
    for experiment in setup.workload.experiments:
        dispatcher.arrive(0.0, experiment, seed=0)
    for worker in (A, B):
        dispatcher.record(WorkerJoined(0.0, worker))
    first, second = state.trials[TrialId("e-0")], state.trials[TrialId("e-1")]
    assert [trial.id for trial in state.ready.first_come()][:2] == [first.id, second.id]
    dispatcher.record(SegmentStarted(0.0, second.id, B.id, 10, (), 1))
    dispatcher.lose_segment(1.0, second.id, "a test")
    assert [start.trial for start in dispatcher.dispatch(1.0).starts] == ["e-0", "f-0"]


@pytest.mark.parametrize("slower", [1, 1000])
def test_abilities_depend_on_ratios_of_speeds_alone(slower: int) -> None:
    """Below one sample per second all workers had one score, and fast ones were idle."""
    nodes = [{"name": name, "cores": cores} for name, cores in (("a", 1), ("b", 2))]
    rows = [profile_row(cores=cores, seconds=seconds * slower) for cores, seconds in ((1, 40.0), (2, 8.0))]
    setup = make_setup(nodes, rows, NO_OVERHEADS)
    found = scores_of(setup.times, setup.workload.experiments[0], setup.workers(Strategy("fusion", "era")))
    assert max(found) / min(found) == pytest.approx(5)


def test_a_worker_of_which_nothing_is_known_is_none_of_the_fast_ones() -> None:
    workers = [cpu_worker(node, 0, cores) for node in make_setup().cluster for cores in (1, 2)]
    for seconds, unknown in ((1.0, 1.0), (64.0, 0.5)):
        times = StepTimes([profile_row(cores=1, seconds=seconds)], extrapolate=False)
        known, other, *_ = scores_of(times, make_setup().workload.experiments[0], workers)
        assert (known, other) == (32 / seconds, unknown)
