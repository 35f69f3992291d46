"""The baseline of the simulation benchmarks: a bare SimPy worker pool that does nothing else.

Trials rotate through a Store of ready trials. Results come back through a Store. A segment is one
timeout. Any SimPy model of a worker pool has this cost before it decides, learns or logs.
"""

from collections.abc import Generator
from typing import Any

import simpy


def run_pool(trials: int, workers: int, segments_per_trial: int) -> int:
    """Run the pool until every trial has done its segments. Returns how many segments were done."""
    env = simpy.Environment()
    ready, results = simpy.Store(env), simpy.Store(env)
    left = dict.fromkeys(range(trials), segments_per_trial)
    for trial in left:
        ready.put(trial)
    total = trials * segments_per_trial
    done = 0

    def worker(speed: float) -> Generator[simpy.Event, Any, None]:
        while True:
            trial = yield ready.get()
            yield env.timeout(speed)
            yield results.put(trial)

    def collect() -> Generator[simpy.Event, Any, None]:
        nonlocal done
        while done < total:
            trial = yield results.get()
            done += 1
            left[trial] -= 1
            if left[trial]:
                yield ready.put(trial)

    for number in range(workers):
        env.process(worker(1.0 + number / workers))
    env.run(env.process(collect()))
    return done
