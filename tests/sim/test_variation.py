"""Workers that the profile takes for equal, and that are not."""

from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

import numpy as np
import pytest

from hetsched.core.events import SegmentEnded
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.cluster import Node, NodeId, gpu_workers
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment, TrialId
from hetsched.scenario.tables import OverheadsTable
from sim.draws import Draws
from sim.engine import simulate
from sim.variation import PAI_CV, Variation, pai_cv
from tests.conftest import NO_OVERHEADS, make_setup, profile_row

V100 = {"name": "n", "cores": 8, "gpus": 4, "gpu_type": "v100"}
ROWS = [profile_row("v100", seconds=0.1), profile_row("v100", seconds=0.1, gpu_share=0.5)]


def train_seconds(folder: Path, seed: int = 0, allocation: str = "gpu-only", **overheads: Any) -> dict[str, set[float]]:
    """The seconds of training of each worker's segments, which would all be the same."""
    folder.mkdir(exist_ok=True)
    setup = make_setup([V100], ROWS, NO_OVERHEADS | overheads, population=12, evaluation_images=0)
    simulate(setup, Strategy(allocation, "fifo"), seed, folder)
    found: dict[str, set[float]] = {}
    for event in read_log(folder / LOG_NAME):
        if isinstance(event, SegmentEnded):
            found.setdefault(event.worker, set()).add(round(event.parts.train_s, 6))
    return found


def test_each_device_has_a_speed_of_its_own(tmp_path: Path) -> None:
    of = train_seconds(tmp_path / "a", device_cv=0.1)
    assert [len(seconds) for seconds in of.values()] == [1] * 4
    assert len(set().union(*of.values())) == 4
    assert train_seconds(tmp_path / "b", device_cv=0.1) == of
    assert train_seconds(tmp_path / "c", seed=1, device_cv=0.1) != of


def test_a_gang_waits_for_its_slowest_device() -> None:
    first, second = gpu_workers(Node(NodeId("n"), 8, 2, "v100"))
    variation = Variation.of(OverheadsTable(device_cv=0.3), 0, Draws(0))
    assert variation is not None and variation.device(first) != variation.device(second)
    slower = max(variation.device(first), variation.device(second))
    assert variation.factor(TrialId("e-0"), [first, second]) == slower
    assert variation.factor(TrialId("e-0"), [second, first]) == slower


def test_workers_that_share_a_gpu_share_its_speed(tmp_path: Path) -> None:
    of = train_seconds(tmp_path, allocation="shared-gpu", device_cv=0.1)
    assert len(of) == 8
    assert all(of[f"n/gpu{number}.0"] == of[f"n/gpu{number}.1"] for number in range(4))


def test_without_the_options_equal_workers_are_equal(tmp_path: Path) -> None:
    assert len(set().union(*train_seconds(tmp_path).values())) == 1


def test_the_options_are_not_written_where_they_are_not_set() -> None:
    assert "device_cv" not in make_setup().scenario.to_toml()


def factors(gang: int = 1, **options: Any) -> list[float]:
    """The factors of one segment of each of 4,000 trials."""
    setup = make_setup([V100], ROWS, population=4000)
    experiment: Experiment = setup.workload.experiments[0]
    draws = Draws(0)
    draws.arrive(experiment)
    variation = Variation.of(OverheadsTable(**options), 0, draws)
    assert variation is not None
    team = gpu_workers(Node(NodeId("n"), 8, gang, "v100"))
    return [variation.factor(trial, team) for trial in experiment.trial_ids()]


def test_the_spread_between_workers_is_as_asked_and_a_gang_waits_for_its_slowest() -> None:
    alone, together = factors(worker_variation=0.2), factors(gang=4, worker_variation=0.2)
    assert fmean(alone) == pytest.approx(1.0, abs=0.02)
    assert float(np.std(alone)) == pytest.approx(0.2, rel=0.1)
    assert fmean(together) == pytest.approx(1.21, abs=0.03)  # the mean largest of 4 normal draws is 1.03 deviations up


def test_coefficients_are_distributed_as_published() -> None:
    drawn = np.random.default_rng(0).standard_normal(100_000)
    of = quantiles([pai_cv(float(normal)) for normal in drawn], n=100, method="inclusive")
    for share, cv in PAI_CV.items():
        assert of[round(share * 100) - 1] == pytest.approx(cv, rel=0.1)
