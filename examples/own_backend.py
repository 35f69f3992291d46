"""Your own backend: a loop with a clock that asks a policy what to start and reports to it what
ended.

python examples/own_backend.py
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

import hetsched
from hetsched.core.dispatcher import Listener
from hetsched.core.events import COMPLETED, Parts, RunEnded, SegmentEnded, SegmentStarted
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.core.open_packages import OpenPackages
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Backend, Outcome
from hetsched.studies.beginning import begin


class ClockBackend(Backend):
    """A backend in which only the profile's iterations take time. It has no scores and no PBT."""

    name = "clock"

    def run(
        self, setup: Setup, strategy: Strategy, seed: int, folder: Path, listeners: Sequence[Listener] = ()
    ) -> Outcome:
        state, policy, times = hetsched.State(), setup.scenario.scheduling_policy(strategy), setup.charged_times
        packages: OpenPackages[SegmentEnded] = OpenPackages()
        coming: list[tuple[float, int, Experiment | SegmentStarted]] = []  # what arrives and what ends, soonest first
        number = count()
        for experiment in setup.workload.experiments:
            heappush(coming, (experiment.arrival_s, next(number), experiment))
        clock = 0.0
        with LogWriter(folder / LOG_NAME) as log:
            dispatcher = hetsched.Dispatcher(state, policy, strategy.scheduling, times, log, listeners)
            begin(dispatcher, self.name, setup, strategy, seed, setup.workers(strategy))
            while coming or state.ready:
                begun: list[SegmentStarted] = []
                wake_at = dispatcher.wake_at
                if wake_at is not None and (not coming or wake_at < coming[0][0]):
                    clock, decided = wake_at, dispatcher.wake(wake_at)  # ask
                else:
                    clock = coming[0][0]
                    while coming and coming[0][0] == clock:  # tell
                        what = heappop(coming)[-1]
                        if isinstance(what, Experiment):
                            dispatcher.arrive(clock, what, seed)
                        else:
                            begun += _end(dispatcher, packages, what, clock)
                    decided = dispatcher.dispatch(clock)  # ask
                for start in [*begun, *packages.begin(decided.starts)]:
                    heappush(coming, (clock + _train_s(setup, state, start), next(number), start))
                if not coming:
                    dispatcher.check_stalled()
            dispatcher.record(RunEnded(clock, COMPLETED))
        return Outcome.of(dispatcher)


def _train_s(setup: Setup, state: hetsched.State, start: SegmentStarted) -> float:
    trial, worker = state.trials[start.trial], state.workers[start.worker]
    gang = state.experiments[trial.experiment].gang
    return start.iterations * (setup.times.seconds_per_iteration(trial.kind, worker.type.gang(gang)) or 0.0)


def _end(
    dispatcher: hetsched.Dispatcher, packages: OpenPackages[SegmentEnded], start: SegmentStarted, clock: float
) -> list[SegmentStarted]:
    """A segment has ended. Tell its result, or those of its whole package, and return what its
    worker trains next in the package."""
    begun_s = packages.since(start)
    parts = Parts(0.0, 0.0, clock - begun_s, 0.0, 0.0, 0.0)
    ended = SegmentEnded(clock, start.trial, start.worker, start.iterations, None, parts, worked=(begun_s, clock))
    turn = packages.end(start, ended, clock)
    for result in turn.report:
        dispatcher.end_segment(replace(result, time=clock), perturb=lambda trial: None)
    return [] if turn.next is None else [turn.next]


if __name__ == "__main__":
    demo = hetsched.load_scenario("demo").resolve()
    for name in ("fusion+fifo", "fusion+lpt", "fusion+lookahead"):
        with TemporaryDirectory() as folder:
            run = ClockBackend().run(demo, Strategy(*name.split("+")), seed=0, folder=Path(folder))
        print(f"{name}: {run.state.now:,.0f} s")
