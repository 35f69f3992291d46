"""Decision time per dispatch: one worker has just become idle, and all others run."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from hetsched import scheduling
from hetsched.core.decisions import Dispatch
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import Parts, SegmentEnded, WorkerJoined
from hetsched.core.state import State
from hetsched.core.view import StateView
from hetsched.domain.registry import Strategy
from hetsched.testing.scenarios import make_setup

SIZES = {"20 trials, 8 workers": (20, 8), "1000 trials, 100 workers": (1000, 100)}
PARTS = Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def view_with_one_idle_worker(trials: int, workers: int) -> StateView:
    """A state in the middle of a run. Every worker has been measured, and one of them is idle."""
    nodes = [{"name": f"n{number}", "cores": (1, 2, 4)[number % 3]} for number in range(workers)]
    setup = make_setup(nodes, population=trials, stop_iterations=200)
    state = State()
    dispatcher = Dispatcher(state, scheduling.policies.create("least-progress"), "least-progress", setup.times)
    for worker in setup.workers(Strategy("fusion", "least-progress")):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.arrive(0.0, setup.workload.experiments[0], 0)
    first = dispatcher.dispatch(0.0).starts
    for number, (trial, worker_id, iterations) in enumerate((d.trial, d.worker, d.iterations) for d in first):
        time = 1.0 + number
        dispatcher.end_segment(SegmentEnded(time, trial, worker_id, iterations, 0.5, PARTS), lambda trial: None)
        if number < len(first) - 1:
            dispatcher.dispatch(time)
    assert len(state.idle) == 1
    return StateView(state, setup.times)


IN_ROUNDS = {"allox", *(name for name in scheduling.policies.names() if name.startswith("gavel-"))}
"""Policies that are asked in the middle of a round and start nothing. All others use the idle
worker."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("policy", scheduling.policies.names())
@pytest.mark.benchmark(group="decision per dispatch")
def test_decision(benchmark: BenchmarkFixture, policy: str, size: str) -> None:
    view = view_with_one_idle_worker(*SIZES[size])
    chosen = scheduling.policies.create(policy)
    decisions = benchmark(lambda: list(chosen.dispatch(view)))
    assert benchmark.stats is not None
    benchmark.extra_info["decision_us"] = 1e6 * benchmark.stats.stats.median
    expected = [] if policy in IN_ROUNDS else [Dispatch]
    assert [type(decision) for decision in decisions] == expected
