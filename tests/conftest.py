"""Small scenarios that every test can make, and a way to simulate them."""

import gc
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hetsched import allocation, scheduling
from hetsched.core.events import Event
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.exploring import explorers
from hetsched.domain.registry import REGISTRIES, Registry, Strategy
from hetsched.domain.user_files import forget_files
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.testing.scenarios import NO_OVERHEADS, ROWS, make_setup, profile_row
from sim.engine import simulate

# A shell ignores Ctrl-C for what it runs in the background, as `make test` does, and what that starts inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process that a test starts compiles the package again

settings.register_profile("default", max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("exhaustive", settings.get_profile("default"), max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))  # `make test-all` sets it

gc.set_threshold(20_000, 20, 20)
"""Tests import so much that looking for garbage as often as Python does takes a tenth of their time."""


POLICIES: tuple[Registry[Any], ...] = (allocation.policies, scheduling.policies, explorers)
"""The registries of what a fixture may register for the tests of a whole module."""


@pytest.fixture(autouse=True)
def no_policy_stays() -> Iterator[None]:
    """Policies, learning models and trainings that a test registers, or loads from a file, are unknown to
    the next one."""
    before = [(registry, dict(registry._factories)) for registry in REGISTRIES]
    yield
    forget_files()
    for registry, factories in before:
        if registry in POLICIES:
            registry._factories.update(factories)
        for name in registry._factories.keys() - factories.keys():
            del registry._factories[name]


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


__all__ = ["NO_OVERHEADS", "ROWS", "Simulate", "make_setup", "profile_row"]

Simulate = Callable[..., list[Any]]


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
