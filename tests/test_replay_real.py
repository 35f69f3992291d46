"""Replays of real runs: every shipped policy decides again what it decided on Ray."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
pytest.importorskip("torchvision")

from hetsched import scheduling
from hetsched.core.log import read_log
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Scenario
from real.cluster import ray_cluster
from real.tune.run import run
from sim.replay import replay
from tests.conftest import make_scenario

pytestmark = [pytest.mark.on_ray, pytest.mark.timeout(300)]
STAND_IN = Path(__file__).parent.parent / "examples" / "seed-cluster" / "stand_in.py"
ROW = ProfileRow(
    model="stand-in",
    dataset="synthetic",
    batch_size=8,
    device="cpu",
    cores=1,
    gpu_share=0.0,
    seconds_per_iteration=0.005,
    provenance="declared",
)


@pytest.fixture(scope="module")
def scenario() -> Iterator[Scenario]:
    """Two workers, one half as fast, and three trials of four intervals."""
    experiment: dict[str, Any] = {
        "model": "stand-in",
        "dataset": "synthetic",
        "batch_size": 8,
        "population": 3,
        "stop_iterations": 40,
        "train_images": 100,
        "evaluation_images": 20,
    }
    nodes = [{"name": "a", "cores": 1, "pace": 1.0}, {"name": "b", "cores": 1, "pace": 2.0}]
    made = make_scenario(nodes, [ROW], **experiment)
    yield made.replace(real=made.real.model_copy(update={"model_file": str(STAND_IN)})).replace_times(made.times)
    ray_cluster.close()


@pytest.mark.parametrize("policy", scheduling.policies.names())
def test_a_policy_takes_the_decisions_of_its_real_run_again(policy: str, scenario: Scenario, tmp_path: Path) -> None:
    run(scenario, Strategy("fusion", policy), 0, tmp_path)
    found = replay(scenario, list(read_log(tmp_path / "events.jsonl")))
    assert found.difference is None
    assert found.alike == found.decisions >= 3
    assert found.replayed_makespan_s == pytest.approx(found.makespan_s, rel=0.01)
