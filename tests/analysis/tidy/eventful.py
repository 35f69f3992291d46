"""A run in which everything happens that a log without gangs can tell of a simulation."""

from pathlib import Path

from hetsched.core.log import LOG_NAME
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import CheckpointsTable, FaultsTable
from sim.engine import simulate
from tests.conftest import make_setup

FAULTS = FaultsTable.model_validate(
    {
        "nodes": {"mean_between_s": 150.0, "mean_repair_s": 20.0},
        "trials": {"mean_between_s": 120.0},
        "stragglers": {"mean_between_s": 200.0, "mean_duration_s": 20.0, "factor": 3.0},
        "spot": {"mean_between_s": 40.0, "notice_s": 10.0, "away_s": 20.0, "nodes": ["late"]},
        "late": {"late": 15.0},
    }
)


def eventful() -> Setup:
    nodes = [
        {"name": "server", "cores": 2, "gpus": 1, "gpu_type": "k80"},
        {"name": "box", "cores": 2, "count": 2},
        {"name": "late", "cores": 4},
    ]
    pbt = {"perturbation_interval": 10, "quantile_fraction": 0.5}
    setup = make_setup(nodes, population=8, stop_iterations=60, pbt=pbt, strategies=["fusion+fifo", "fusion+hrfs"])
    return setup.replace(faults=FAULTS, checkpoints=CheckpointsTable(place="object-store"))


def simulated(folder: Path, setup: Setup | None = None, strategy: str = "fusion+hrfs", seed: int = 1) -> Path:
    """The log of a run in that folder, with its scenario beside it."""
    folder.mkdir(parents=True)
    setup = eventful() if setup is None else setup
    setup.save(folder)
    simulate(setup, Strategy(*strategy.split("+")), seed, folder)
    return folder / LOG_NAME
