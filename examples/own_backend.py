"""Your own backend: a loop with a clock that asks a policy what to start and reports to it what
ended.

python examples/own_backend.py
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from pathlib import Path
from tempfile import TemporaryDirectory

import hetsched
from hetsched.core.dispatcher import Listener
from hetsched.core.events import Parts, SegmentEnded, SegmentStarted
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Backend, Outcome
from hetsched.studies.beginning import begin


class ClockBackend(Backend):
    """A backend in which only the profile's iterations take time."""

    name = "clock"

    def run(
        self, setup: Setup, strategy: Strategy, seed: int, folder: Path, listeners: Sequence[Listener] = ()
    ) -> Outcome:
        state, policy = hetsched.State(), setup.scenario.scheduling_policy(strategy)
        with LogWriter(folder / LOG_NAME) as log:
            dispatcher = hetsched.Dispatcher(state, policy, strategy.scheduling, setup.times, log, listeners)
            begin(dispatcher, self.name, setup, strategy, seed, setup.workers(strategy))
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
                ended = SegmentEnded(clock, start.trial, start.worker, start.iterations, None, parts)  # no evaluation
                dispatcher.end_segment(ended, perturb=lambda trial: None)  # tell
        return Outcome.of(dispatcher)


if __name__ == "__main__":
    demo = hetsched.load_scenario("demo").resolve()
    for name in ("fusion+fifo", "fusion+lpt", "fusion+lookahead"):
        with TemporaryDirectory() as folder:
            run = ClockBackend().run(demo, Strategy(*name.split("+")), seed=0, folder=Path(folder))
        print(f"{name}: {run.state.now:,.0f} s")
