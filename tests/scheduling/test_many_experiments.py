"""What a segment costs does not grow with the experiments that have ended."""

from pathlib import Path

import pytest

from hetsched.domain.registry import Strategy
from hetsched.scenario.tables import MetricsTable
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, make_setup
from tests.counting import calls_of


@pytest.mark.parametrize("policy", ["era", "eta", "hrfs", "sequential-halving"])
def test_experiments_that_have_ended_cost_nothing(policy: str, tmp_path: Path) -> None:
    """Each decision, or each arrival, looked at all experiments that had ever come."""

    def calls_per_experiment(number: int) -> float:
        experiments = [
            {"name": f"e{one}", "population": 1, "stop_iterations": 20, "arrival_s": 200.0 * one}
            for one in range(number)
        ]
        setup = make_setup([{"name": "a", "cores": 1, "count": 2}], overheads=NO_OVERHEADS, experiments=experiments)
        setup = setup.replace(metrics=MetricsTable(deadline_s=1e7))
        (folder := tmp_path / str(number)).mkdir()
        return calls_of(lambda: simulate(setup, Strategy("fusion", policy), 0, folder)) / number

    calls_per_experiment(5)  # imports
    assert calls_per_experiment(120) < 1.2 * calls_per_experiment(30)
