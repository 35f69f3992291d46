"""The engine: carries a whole run out in simulated time."""

from collections.abc import Sequence
from pathlib import Path

from hetsched.core.dispatcher import Listener
from hetsched.core.events import RunEnded
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.domain.registry import Strategy
from hetsched.errors import PolicyError
from hetsched.scenario.checks import profiled_workers
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Outcome
from hetsched.studies.policy_error import write_policy_error
from hetsched.studies.resume import failed
from sim.disturbed import DisturbedSimulation, disturbs
from sim.simulation import Simulation


def simulate(
    setup: Setup,
    strategy: Strategy,
    seed: int,
    folder: Path,
    listeners: Sequence[Listener] = (),
) -> Outcome:
    """Simulate a strategy on a scenario, with the log in the folder. See
    `hetsched.studies.backends.Backend.run`."""
    workers = profiled_workers(setup, strategy)
    kind = DisturbedSimulation if disturbs(setup, workers) else Simulation
    # A simulation can be had again: its log need not outlive a crash to the last event.
    with LogWriter(folder / LOG_NAME, durable=False) as log_writer:
        simulation = kind(setup, strategy, seed, workers, log_writer, listeners)
        try:
            simulation.run()
        except BaseException as error:
            if isinstance(error, PolicyError):
                write_policy_error(folder, simulation.dispatcher, error)
            if simulation.dispatcher.state.ended is None:
                simulation.dispatcher.record(RunEnded(simulation.env.now, failed(error)))
            raise
    return Outcome.of(simulation.dispatcher)
