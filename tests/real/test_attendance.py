"""What it costs when nodes leave."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")  # what keeps snapshots imports it

from hetsched import scheduling
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.state import State
from hetsched.domain.cluster import NodeId
from hetsched.domain.registry import Strategy
from hetsched.studies.beginning import begin
from real.tune.attendance import Attendance
from real.tune.clock import Clock
from tests.conftest import make_setup
from tests.counting import steps_of


class FakePlaces:
    """Does nothing."""

    def open(self, *_: object) -> None: ...
    def close(self, *_: object) -> None: ...
    def take_back(self, *_: object) -> None: ...


def steps_of_leaving(number: int) -> int:
    """The steps when a node leaves with this number of workers, each of which trains."""
    setup = make_setup([{"name": "a", "cores": number}], population=number, stop_iterations=20)
    strategy, state = Strategy("sliced", "fifo"), State()
    workers = setup.workers(strategy)
    dispatcher = Dispatcher(state, scheduling.policies.create("fifo", {}), "fifo", setup.times)
    begin(dispatcher, "test", setup, strategy, 0, workers)
    dispatcher.arrive(0.0, setup.workload.experiments[0], 0)
    dispatcher.dispatch(0.0)
    assert len(state.running) == len(workers) == number
    nodes: Any = SimpleNamespace(there={NodeId("a"): "ray"}, absences={NodeId("a"): "node a died"})
    known = {worker.id: worker for worker in workers}
    attendance = Attendance(known, nodes, dispatcher, FakePlaces(), Clock(0.0), lambda worker: None)
    attendance.begin()
    nodes.there.clear()
    steps = steps_of(attendance.follow)
    assert not state.running and not state.workers and len(state.ready) == number
    return steps


def test_the_loss_of_a_node_takes_as_long_as_it_has_workers() -> None:
    """Each worker that left looked at all that ran."""
    steps_of_leaving(5)  # imports
    assert steps_of_leaving(200) < 4.5 * steps_of_leaving(50)
