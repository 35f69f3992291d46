"""When the simulator wakes a policy that asked for it."""

from collections.abc import Iterable
from typing import Any

import pytest

from hetsched import scheduling
from hetsched.core.decisions import Decision, Dispatch, WakeAt
from hetsched.core.events import PolicyWoken, SegmentEnded, WorkerLeft
from hetsched.core.view import StateView
from hetsched.domain.cluster import NodeId, WorkerId
from hetsched.domain.registry import Strategy
from sim.disturbed import DisturbedSimulation
from sim.simulation import Simulation
from tests.conftest import NO_OVERHEADS, make_setup

STRATEGY = Strategy("fusion", "test-waker")
WAKE_AT_S = 10.0


class Waker:
    """Starts what fits, on all workers but one at its first call, and wants to be woken at 10 s
    whenever it is asked before."""

    def __init__(self) -> None:
        self.asked_at: list[float] = []

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        idle = list(state.idle_workers)[0 if self.asked_at else 1 :]
        self.asked_at.append(state.now)
        for worker, trial in zip(idle, list(state.ready_trials), strict=False):
            yield Dispatch(trial.id, worker.id, state.interval(trial))
        if state.now < WAKE_AT_S:
            yield WakeAt(WAKE_AT_S)


@pytest.fixture
def waker() -> Waker:
    policy = Waker()
    scheduling.register("test-waker")(lambda: policy)
    return policy


def simulated(kind: type[Simulation], **experiment: Any) -> tuple[Any, list[Any]]:
    scenario, events = make_setup(overheads=NO_OVERHEADS, **experiment), list[Any]()
    workers = scenario.workers(STRATEGY)
    return kind(scenario, STRATEGY, 0, workers, None, [lambda _, event: events.append(event)]), events


def test_a_wake_up_holds_although_the_idle_worker_leaves(waker: Waker) -> None:
    """Worker b is busy until 20 s and a, which is idle, leaves at 5 s: nobody is left of whom the
    policy could be asked."""
    simulation, events = simulated(DisturbedSimulation)
    leaves = simulation.env.timeout(5.0)
    leaves.callbacks.append(lambda _: simulation.leave([WorkerId("a/cpu0")], "a test", NodeId("a")))
    simulation.run()
    shown = [
        (type(event), event.time) for event in events if isinstance(event, WorkerLeft | PolicyWoken | SegmentEnded)
    ]
    assert shown[:3] == [(WorkerLeft, 5.0), (PolicyWoken, WAKE_AT_S), (SegmentEnded, 20.0)]
    assert waker.asked_at[:2] == [0.0, 20.0]


def test_a_wake_up_that_is_said_again_is_one(waker: Waker) -> None:
    """Segments of 2 and 4 s: the policy says several times that it wants to be woken at 10 s."""
    woken = 0

    class Counting(Simulation):
        def _wake(self, event: Any) -> None:
            nonlocal woken
            woken += 1
            super()._wake(event)

    simulation, events = simulated(Counting, pbt={"perturbation_interval": 1}, population=5)
    simulation.run()
    assert sum(time < WAKE_AT_S for time in waker.asked_at) > 3
    assert woken == 1
    assert [event.time for event in events if isinstance(event, PolicyWoken)] == [WAKE_AT_S]
