"""The backend `sim`: runs in simulated time, and replays."""

from collections.abc import Callable, Sequence
from pathlib import Path

from hetsched.core.dispatcher import Listener
from hetsched.core.events import AnyEvent
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Backend, Outcome, Replayed
from hetsched.studies.fit_result import FitOrder, Fitted


class SimBackend(Backend):
    """Simulates runs, replays logs on the simulator's clock, and fits learning models."""

    name = "sim"

    def run(
        self, setup: Setup, strategy: Strategy, seed: int, folder: Path, listeners: Sequence[Listener] = ()
    ) -> Outcome:
        from sim.engine import simulate

        return simulate(setup, strategy, seed, folder, listeners)

    def replay(self, setup: Setup, events: Sequence[AnyEvent]) -> Replayed:
        from sim.replay import replay

        return replay(setup, events)

    def fit(self, order: FitOrder, on_fit: Callable[[str], object]) -> Fitted:
        from sim.learning.fit import fit

        return fit(order, on_fit)
