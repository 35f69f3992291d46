"""Small scenarios that every test can make, and a way to simulate them."""

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hetsched.core.events import Event
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.registry import Strategy
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Scenario, Setup
from sim.engine import simulate

settings.register_profile("default", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("exhaustive", settings.get_profile("default"), max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))  # `make test-all` sets it

NO_OVERHEADS = {"start_up": False, "restore": False, "evaluation": False, "checkpoint": False, "noise": False}


def profile_row(device: str = "cpu", cores: int = 1, seconds: float = 1.0, **changes: Any) -> ProfileRow:
    on_cpu = device == "cpu"
    return ProfileRow(
        **{
            "model": "resnet18",
            "dataset": "cifar10",
            "batch_size": 32,
            "device": device,
            "cores": cores if on_cpu else 0,
            "gpu_share": 0.0 if on_cpu else 1.0,
            "seconds_per_iteration": seconds,
            "noise_cv": 0.1,
            "evaluation_s_per_image": 0.001,
            "start_up_s": 5.0,
            "restore_s": 0.5,
            "checkpoint_s": 0.25,
            "provenance": "made up for a test",
            **changes,
        }
    )


ROWS = [
    profile_row(cores=1, seconds=4.0),
    profile_row(cores=2, seconds=2.0),
    profile_row(cores=4, seconds=1.0),
    profile_row(cores=64, seconds=0.5),
    profile_row("k80", seconds=0.5),
    profile_row("v100", seconds=0.1),
]
"""Step times by which a core trains at 1/4 iteration a second, a K80 at 2, a V100 at 10."""


def make_scenario(
    nodes: Iterable[dict[str, Any]] = ({"name": "a", "cores": 1}, {"name": "b", "cores": 2}),
    rows: Iterable[ProfileRow] = ROWS,
    overheads: dict[str, Any] | None = None,
    strategies: Iterable[str] = ("fusion+fifo",),
    experiments: Iterable[dict[str, Any]] | None = None,
    **experiment: Any,
) -> Setup:
    """A scenario of one experiment (its keys are `experiment`), unless `experiments` are given."""
    basic = {
        "name": "e",
        "model": "resnet18",
        "batch_size": 32,
        "population": 4,
        "stop_iterations": 20,
        "evaluation_images": 100,
        "pbt": {"perturbation_interval": 10},
    }
    tables = [basic | table for table in experiments] if experiments is not None else [basic | experiment]
    scenario = Scenario.of(
        {
            "name": "test",
            "strategies": list(strategies),
            "cluster": {"nodes": list(nodes)},
            "workload": {"experiments": tables},
            "profile": {"sources": ["in memory"]},
            "overheads": overheads if overheads is not None else {},
        }
    )
    return Setup.of(scenario, StepTimes(rows))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True)
    if made.returncode:
        pytest.skip("only root can make a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def cifar10() -> Path:
    """The folder of the real CIFAR-10, where this machine has it."""
    folder = os.environ.get("HETSCHED_CIFAR10")
    if not folder:
        pytest.skip("set HETSCHED_CIFAR10 to a folder with the parquet files of CIFAR-10")
    return Path(folder)


Simulate = Callable[..., list[Event]]


@pytest.fixture
def simulate_log(tmp_path: Path) -> Simulate:
    """Simulate a strategy on a scenario and return the events of its log."""
    runs = 0

    def run(scenario: Setup, strategy: str | Strategy = "fusion+fifo", seed: int = 0) -> list[Event]:
        nonlocal runs
        runs += 1
        folder = tmp_path / f"run-{runs}"
        folder.mkdir()
        chosen = parse_strategy(strategy) if isinstance(strategy, str) else strategy
        simulate(scenario, chosen, seed, folder)
        return list(read_log(folder / LOG_NAME))

    return run
