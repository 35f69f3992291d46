"""The engine: carries a whole run out in simulated time."""

import gc
from pathlib import Path

from hetsched.backend import LOG_NAME, Listener, Outcome
from hetsched.events import LogWriter, RunEnded
from hetsched.registry import Strategy
from hetsched.scenario import Scenario, profiled_workers
from sim.disturbed import DisturbedSimulation, disturbs
from sim.simulation import Simulation


def simulate(
    scenario: Scenario,
    strategy: Strategy,
    seed: int,
    folder: Path,
    listen: Listener | None = None,
) -> Outcome:
    """Simulate a strategy on a scenario; see `hetsched.backend.Backend`."""
    workers = profiled_workers(scenario, strategy)
    kind = DisturbedSimulation if disturbs(scenario, workers) else Simulation
    # A simulation can be had again: its log need not outlive a crash to the last event.
    with LogWriter(folder / LOG_NAME, durable=False) as log_writer:
        simulation = kind(scenario, strategy, seed, workers, log_writer, listen)
        collects = gc.isenabled()
        gc.disable()  # a run makes no cyclic garbage, but so many objects that looking for it takes a tenth of the time
        try:
            simulation.run()
        except BaseException as error:
            simulation.dispatcher.record(RunEnded(simulation.env.now, f"failed: {type(error).__name__}"))
            raise
        finally:
            if collects:
                gc.enable()
    return Outcome.of(simulation.dispatcher)
