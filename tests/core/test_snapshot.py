"""The oracle of the tests that say two states are one."""

from hetsched.core.events import SegmentEnded, WorkerJoined
from hetsched.core.state import State, state_of
from hetsched.domain.cluster import Node, NodeId, cpu_worker
from tests.conftest import Simulate, make_setup

DERIVED = {"has_gangs", "restricted", "_unreported", "_leads"}
"""What the experiments, the trials and the running segments of a snapshot say."""


def test_a_snapshot_has_all_that_a_state_has(simulate_log: Simulate) -> None:
    events = simulate_log(make_setup())
    ended = next(number for number, event in enumerate(events) if isinstance(event, SegmentEnded))
    state = state_of(events[: ended + 1])  # a worker is idle, a trial ready, and another runs
    snapshot = state.snapshot()
    assert set(snapshot) == set(vars(state)) - DERIVED
    assert snapshot["run"]["strategy"] == "fusion+fifo"
    empty = [key for key, value in snapshot.items() if value in ({}, [])]
    assert empty == ["emptied"], "a part of the state that this run does not show: it loses no package"


def test_the_order_in_which_workers_became_idle_is_told() -> None:
    workers = [cpu_worker(Node(NodeId("a"), 2), number, 1) for number in range(2)]
    one, other = State(), State()
    for state, order in ((one, workers), (other, workers[::-1])):
        for worker in order:
            state.apply(WorkerJoined(0.0, worker))
    assert one.snapshot()["idle"] == other.snapshot()["idle"][::-1] == ["a/cpu0", "a/cpu1"]
