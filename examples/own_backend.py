"""A backend of one's own: a loop with a clock that asks a policy what to start and tells it what ended.

python examples/own_backend.py
"""

from heapq import heappop, heappush
from pathlib import Path

import numpy as np

import hetsched
from hetsched.core.decisions import Dispatch
from hetsched.core.events import Parts, SegmentEnded, WorkerJoined
from hetsched.domain.registry import Strategy


def makespan_s(scenario: hetsched.Scenario, strategy: Strategy, seed: int = 0) -> float:
    """Seconds until every trial is trained, if nothing but the profile's iterations takes time."""
    state, policy = hetsched.State(), scenario.scheduling_policy(strategy)
    dispatcher = hetsched.Dispatcher(state, policy, strategy.scheduling, scenario.times)
    for worker in scenario.workers(strategy):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.set_up(scenario.cluster_spec(), scenario.workload_spec(), np.random.default_rng(seed))
    for experiment in scenario.workload_spec().experiments:
        dispatcher.arrive(0.0, experiment, seed)
    clock = 0.0
    ends: list[tuple[float, str, Dispatch, float]] = []  # what runs, soonest end first
    while not state.finished:
        for start in dispatcher.dispatch(clock).starts:  # ask
            kind, worker = state.trials[start.trial].kind, state.workers[start.worker]
            train_s = start.iterations * (scenario.times.seconds_per_iteration(kind, worker.type) or 0.0)
            heappush(ends, (clock + train_s, start.trial, start, train_s))
        if not ends:
            dispatcher.check_stalled()
        clock, _, start, train_s = heappop(ends)
        parts = Parts(0.0, 0.0, train_s, 0.0, 0.0, 0.0)
        ended = SegmentEnded(clock, start.trial, start.worker, start.iterations, 0.0, parts)  # nothing is evaluated
        dispatcher.end_segment(ended, perturb=lambda trial: None)  # tell
    return clock


if __name__ == "__main__":
    demo = hetsched.load_scenario(Path(__file__).parent / "demo.toml")
    for name in ("fusion+fifo", "fusion+lpt", "fusion+lookahead"):
        print(f"{name}: {makespan_s(demo, Strategy(*name.split('+'))):,.0f} s")
