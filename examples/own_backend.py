"""A backend of one's own: a loop with a clock that asks a policy what to start and tells it what ended.

python examples/own_backend.py
"""

from heapq import heappop, heappush

import numpy as np

import hetsched
from hetsched.core.events import Parts, SegmentEnded, SegmentStarted, WorkerJoined
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup


def makespan_s(setup: Setup, strategy: Strategy, seed: int = 0) -> float:
    """Seconds until every trial is trained, if nothing but the profile's iterations takes time."""
    state, policy = hetsched.State(), setup.scenario.scheduling_policy(strategy)
    dispatcher = hetsched.Dispatcher(state, policy, strategy.scheduling, setup.times)
    for worker in setup.workers(strategy):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.set_up(setup.cluster, setup.workload, np.random.default_rng(seed))
    for experiment in setup.workload.experiments:
        dispatcher.arrive(0.0, experiment, seed)
    clock = 0.0
    ends: list[tuple[float, str, SegmentStarted, float]] = []  # what runs, soonest end first
    while not state.finished:
        for start in dispatcher.dispatch(clock).starts:  # ask
            kind, worker = state.trials[start.trial].kind, state.workers[start.worker]
            train_s = start.iterations * (setup.times.seconds_per_iteration(kind, worker.type) or 0.0)
            heappush(ends, (clock + train_s, start.trial, start, train_s))
        if not ends:
            dispatcher.check_stalled()
        clock, _, start, train_s = heappop(ends)
        parts = Parts(0.0, 0.0, train_s, 0.0, 0.0, 0.0)
        ended = SegmentEnded(clock, start.trial, start.worker, start.iterations, 0.0, parts)  # nothing is evaluated
        dispatcher.end_segment(ended, perturb=lambda trial: None)  # tell
    return clock


if __name__ == "__main__":
    demo = hetsched.load_scenario("demo").resolve()
    for name in ("fusion+fifo", "fusion+lpt", "fusion+lookahead"):
        print(f"{name}: {makespan_s(demo, Strategy(*name.split('+'))):,.0f} s")
