"""Packages of trials: small schedules computed by hand."""

import pytest

from hetsched import scheduling
from hetsched.analysis.metrics import measure
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import Event, Parts, SegmentEnded, SegmentStarted, WorkerJoined, WorkerLeft
from hetsched.core.state import State
from hetsched.domain.cluster import Node, NodeId, Worker, cpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.scheduling.packages.era import Era
from hetsched.scheduling.packages.eta import Eta
from tests.conftest import NO_OVERHEADS, ROWS, Simulate, make_setup

A, B = cpu_worker(Node(NodeId("a"), 1), 0, 1), cpu_worker(Node(NodeId("b"), 4), 0, 4)


def starts(events: list[Event]) -> list[tuple[float, str, str]]:
    return [(e.time, e.trial, e.worker) for e in events if isinstance(e, SegmentStarted)]


def test_eta_packages_last_as_long_as_one_trial_on_the_slowest_worker(simulate_log: Simulate) -> None:
    # Segments of 10 iterations take 40 s on a, 20 s on b, 10 s on c: packages of 1, 2 and 4 trials, all 40 s.
    nodes = ({"name": "a", "cores": 1}, {"name": "b", "cores": 2}, {"name": "c", "cores": 4})
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=7, stop_iterations=10)
    events = simulate_log(setup, "fusion+eta")
    assert starts(events) == [
        (0.0, "e-0", "a/cpu0"),
        (0.0, "e-1", "b/cpu0"),
        (0.0, "e-3", "c/cpu0"),
        (10.0, "e-4", "c/cpu0"),
        (20.0, "e-2", "b/cpu0"),
        (20.0, "e-5", "c/cpu0"),
        (30.0, "e-6", "c/cpu0"),
    ]
    assert measure(events, setup).makespan_s == 40.0


def test_a_worker_without_a_package_goes_on_to_the_next_stage(simulate_log: Simulate) -> None:
    # a takes e-0 for 40 s. b, four times as fast, takes the two trials that are left of the first interval and at 20 s,
    # while e-0 is under way, the same two for the second.
    nodes = ({"name": "a", "cores": 1}, {"name": "b", "cores": 4})
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=3)
    assert starts(simulate_log(setup, "fusion+eta")) == [
        (0.0, "e-0", "a/cpu0"),
        (0.0, "e-1", "b/cpu0"),
        (10.0, "e-2", "b/cpu0"),
        (20.0, "e-1", "b/cpu0"),
        (30.0, "e-2", "b/cpu0"),
        (40.0, "e-0", "a/cpu0"),
    ]


def test_era_packages_follow_speed_and_shrink(simulate_log: Simulate) -> None:
    # Speed scores 1 (a) and 2 (b), shares 1/3 and 2/3. Of nine trials a takes ceil(9 / 3) = 3; of the six that are left
    # b takes ceil(6 x 2/3) = 4. At 80 s it takes, of two, round(ceil(2 x 2/3) x 0.5) = 1, at 100 s the last one, and
    # ends with a, whose three segments take 120 s.
    nodes = ({"name": "a", "cores": 1}, {"name": "b", "cores": 2})
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=9, stop_iterations=10)
    events = simulate_log(setup.replace(scheduling={"era": {"shrink": 0.5}}), "fusion+era")
    assert [(time, trial) for time, trial, worker in starts(events) if worker == "a/cpu0"] == [
        (0.0, "e-0"),
        (40.0, "e-1"),
        (80.0, "e-2"),
    ]
    assert [(time, trial) for time, trial, worker in starts(events) if worker == "b/cpu0"] == [
        (0.0, "e-3"),
        (20.0, "e-4"),
        (40.0, "e-5"),
        (60.0, "e-6"),
        (80.0, "e-7"),
        (100.0, "e-8"),
    ]
    assert measure(events, setup).makespan_s == 120.0


@pytest.mark.parametrize(
    ("score", "waiting", "taken", "size"),
    [
        (3.0, 20, 0, 15),  # 3/4 x 20
        (3.0, 20, 1, 14),  # 15 x 0.9 = 13.5
        (3.0, 20, 2, 12),  # 15 x 0.81 = 12.15
        (1.0, 9, 0, 3),  # ceil(2.25)
        (1.0, 1, 10, 1),  # 0.9^10 = 0.35, but one at least
    ],
)
def test_the_size_of_an_era_package(score: float, waiting: int, taken: int, size: int) -> None:
    scores = {A.id: score, B.id: 4.0 - score}
    assert Era().size(A, scores, waiting, taken) == size


@pytest.mark.parametrize(("score", "size"), [(1.0, 1), (1.4, 1), (1.6, 2), (10.1, 10)])
def test_the_size_of_an_eta_package(score: float, size: int) -> None:
    assert Eta().size(A, {A.id: score}, waiting=5, taken=3) == size


class Run:
    """Two workers, a at 4 s an iteration and b at 1 s, whose segments end when the test says so."""

    def __init__(self, policy: str, population: int, times: StepTimes) -> None:
        self.state = State()
        self._dispatcher = Dispatcher(self.state, scheduling.policies.create(policy), policy, times)
        for worker in (A, B):
            self._dispatcher.record(WorkerJoined(0.0, worker))
        experiment = make_setup(population=population, stop_iterations=10).workload.experiments[0]
        self._dispatcher.arrive(0.0, experiment, seed=0)
        self._dispatcher.dispatch(0.0)

    def on(self, worker: Worker) -> TrialId | None:
        return next((segment.trial for segment in self.state.running.values() if segment.worker == worker.id), None)

    def end(self, worker: Worker) -> None:
        trial = self.on(worker)
        assert trial is not None
        now, parts = self.state.now + 10, Parts(0.0, 0.0, 40.0 / worker.cores, 0.0, 0.0, 0.0)
        self._dispatcher.end_segment(SegmentEnded(now, trial, worker.id, 10, 0.5, parts), lambda trial: None)
        self._dispatcher.dispatch(now)

    def lose(self, worker: Worker) -> None:
        trial = self.on(worker)
        assert trial is not None
        self._dispatcher.lose_segment(self.state.now, trial, "its node is gone")
        self._dispatcher.record(WorkerLeft(self.state.now, worker.id, "its node is gone"))
        self._dispatcher.dispatch(self.state.now)


def test_nobody_takes_the_trials_of_another_workers_package() -> None:
    # a takes e-0, b four trials, e-1 to e-4. So the next for a is e-5, then nothing.
    run = Run("eta", 6, StepTimes(ROWS))
    assert (run.on(A), run.on(B)) == ("e-0", "e-1")
    run.end(A)
    assert run.on(A) == "e-5"
    run.end(A)
    assert run.on(A) is None
    run.end(B)
    assert (run.on(A), run.on(B)) == (None, "e-2")


def test_the_package_of_a_worker_that_leaves_goes_back() -> None:
    run = Run("eta", 6, StepTimes(ROWS))
    run.lose(B)
    order = []
    while (trial := run.on(A)) is not None:
        order.append(trial)
        run.end(A)
    assert order == ["e-0", "e-1", "e-2", "e-3", "e-4", "e-5"]
    assert run.state.finished


def test_a_worker_of_unknown_speed_counts_as_the_slowest() -> None:
    # Nothing is profiled, so each worker takes one trial. b is measured first and alone: still one trial. When a has
    # been measured too, at 4 s to b's 1 s, a takes one and b four, e-4 to e-7.
    run = Run("eta", 8, StepTimes())
    assert (run.on(A), run.on(B)) == ("e-0", "e-1")
    run.end(B)
    assert run.on(B) == "e-2"
    run.end(A)
    assert run.on(A) == "e-3"
    run.end(B)
    assert run.on(B) == "e-4"
    run.end(A)
    assert run.on(A) is None


def test_wrong_options_are_named() -> None:
    with pytest.raises(InputError, match="shrink"):
        scheduling.policies.create("era", {"shrink": 0.0})
