"""What the loss of a worker or a node costs the simulator itself, in calls: as much as what it hits."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from hetsched.domain.registry import Strategy
from hetsched.scenario.tables import CheckpointsTable, FaultsTable
from sim.disturbed import DisturbedSimulation
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, make_setup
from tests.counting import calls_of


@pytest.mark.parametrize(("kind", "place"), [("worker", "storage"), ("node", "storage"), ("node", "object-store")])
def test_a_loss_costs_the_same_however_many_other_workers_run(
    kind: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each loss looked at all segments that ran, and at all copies of checkpoints."""
    leave, counted = DisturbedSimulation.leave, list[int]()

    def noted(self: DisturbedSimulation, workers: Collection[Any], *others: Any) -> None:
        counted.append(calls_of(lambda: leave(self, workers, *others)))

    monkeypatch.setattr(DisturbedSimulation, "leave", noted)

    def calls_per_loss(number: int) -> float:
        nodes = [{"name": f"n{one}", "cores": 1} for one in range(number)]
        setup = make_setup(
            nodes,
            overheads=NO_OVERHEADS,
            population=number,
            stop_iterations=30,
            checkpoint_interval=10,
            pbt={"enabled": False},
        )
        planned = [
            {"at_s": 15 + one / number, "worker": f"n{one}/cpu0"}
            if kind == "worker"
            else {"at_s": 15 + one / number, "node": f"n{one}", "back_s": 17.0}
            for one in range(number - 1)
        ]
        faults = FaultsTable.model_validate({"planned": planned})
        kept = CheckpointsTable.model_validate({"place": place})
        counted.clear()
        (folder := tmp_path / str(number)).mkdir()
        simulate(setup.replace(faults=faults, checkpoints=kept), Strategy("uniform", "fifo"), 0, folder)
        assert len(counted) == number - 1
        return sum(counted) / len(counted)

    calls_per_loss(10)  # imports, and what is kept for the next call
    assert calls_per_loss(160) < 1.5 * calls_per_loss(40)
