"""The engine: carries a whole run out in simulated time."""

from pathlib import Path

from hetsched.core.events import RunEnded
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.domain.registry import Strategy
from hetsched.scenario.checks import profiled_workers
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Listener, Outcome
from sim.disturbed import DisturbedSimulation, disturbs
from sim.simulation import Simulation


def simulate(
    setup: Setup,
    strategy: Strategy,
    seed: int,
    folder: Path,
    listen: Listener | None = None,
) -> Outcome:
    """Simulate a strategy on a scenario; see `hetsched.studies.backends.Backend`."""
    workers = profiled_workers(setup, strategy)
    kind = DisturbedSimulation if disturbs(setup, workers) else Simulation
    # A simulation can be had again: its log need not outlive a crash to the last event.
    with LogWriter(folder / LOG_NAME, durable=False) as log_writer:
        simulation = kind(setup, strategy, seed, workers, log_writer, listen)
        try:
            simulation.run()
        except BaseException as error:
            simulation.dispatcher.record(RunEnded(simulation.env.now, f"failed: {type(error).__name__}"))
            raise
    return Outcome.of(simulation.dispatcher)
