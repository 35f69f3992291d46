"""Small scenarios for tests of policies and backends, made in memory."""

from collections.abc import Iterable
from typing import Any

from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.scenario.scenario import Scenario, Setup

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
            "provenance": "a test",
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


def make_setup(
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
