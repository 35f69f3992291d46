"""Every number that a user gives has an upper limit, so that sums and products do not overflow."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hetsched import allocation, scheduling
from hetsched.domain.learning import models
from hetsched.domain.profiles import ProfileRow
from hetsched.errors import InputError
from hetsched.scenario.profile_files import read_profile, write_profile
from hetsched.scenario.scenario import Scenario
from hetsched.scenario.tables import CheckpointsTable
from hetsched.scenario.traces.alibaba import GfsRow, OpenbRow
from hetsched.scenario.traces.helios import HeliosRow
from hetsched.scenario.traces.jobs import JobRow
from hetsched.scenario.traces.philly import PhillyRow
from hetsched.studies.simulate import simulate
from sim.learning.recordings import Evaluation, _lines_of
from tests.conftest import make_setup, profile_row

BY_REGISTRY = "Registry.create refuses numbers beyond 1e30"
BY_UNFIT = "workload.unfit says what is done with a job beyond what the cluster and a simulation take"
NO_EFFECT = "is checked, and has no effect"

WITHOUT = {
    "Scenario.allocation": BY_REGISTRY,
    "Scenario.scheduling": BY_REGISTRY,
    "LearningTable.options": BY_REGISTRY,
    "ProfileRow.memory_gib": "a check has the limit, and says to divide MiB by 1024",
    "JobRow.num_gpus": BY_UNFIT,
    "JobRow.duration_s": BY_UNFIT,
    "JobRow.cores": NO_EFFECT,
    "JobRow.memory_gb": NO_EFFECT,
    "HeliosRow.gpu_num": BY_UNFIT,
    "PhillyRow.num_gpus": BY_UNFIT,
    "OpenbRow.gpu_milli": BY_UNFIT,
    "GfsRow.gpu_request": BY_UNFIT,
}
"""The numbers without an upper limit in their table, and why."""

ROWS = (ProfileRow, JobRow, HeliosRow, PhillyRow, OpenbRow, GfsRow, Evaluation, _lines_of("score"))
"""The lines of CSV files. `read_rows` refuses all their integers beyond 10^18."""


def unlimited(of: dict[str, Any], types: set[str]) -> Iterator[str]:
    """The types of the numbers in a JSON schema that have no maximum."""
    if of.get("type") in types and not {"maximum", "exclusiveMaximum"} & of.keys():
        yield of["type"]
    inner = [*of.get("anyOf", ()), *of.get("oneOf", ()), *of.get("prefixItems", ())]
    inner += [one for key in ("items", "additionalProperties") if isinstance(one := of.get(key), dict)]
    for one in inner:
        yield from unlimited(one, types)


def without_limit(table: type[BaseModel], types: set[str]) -> set[str]:
    schema = table.model_json_schema()
    named = {table.__name__: schema, **schema.get("$defs", {})}
    return {
        f"{name}.{key}"
        for name, one in named.items()
        for key, of in one.get("properties", {}).items()
        if any(unlimited(of, types))
    }


def test_every_number_of_an_input_has_an_upper_limit() -> None:
    found = without_limit(Scenario, {"number", "integer"}).union(*(without_limit(row, {"number"}) for row in ROWS))
    assert found == WITHOUT.keys()


@pytest.mark.parametrize(
    ("of", "name", "option"),
    [
        (scheduling.policies, "sia", "lambda_n"),
        (allocation.policies, "cpu-only", "cores_per_worker"),
        (models, "sgd", "scale"),
    ],
)
def test_an_option_of_a_policy_or_a_learning_model_has_an_upper_limit(of: Any, name: str, option: str) -> None:
    with pytest.raises(InputError, match=f"option '{option}': expected at most 1e30, got 1e\\+308"):
        of.create(name, {option: 1e308})


def test_a_network_is_not_so_slow_that_times_overflow() -> None:
    with pytest.raises(ValueError, match="network_bytes_per_s"):
        CheckpointsTable(network_bytes_per_s=5e-324)


COSTS = [name for name in ProfileRow.model_fields if name.endswith(("_s", "_cv", "_image", "_growth", "_bytes", "ing"))]
GPU_ROW, CPU_ROW = profile_row("v100"), profile_row("cpu")


def most(name: str) -> float:
    """The upper limit of a column."""
    return float(next(limit.le for limit in ProfileRow.model_fields[name].metadata if hasattr(limit, "le")))


@pytest.mark.parametrize("name", COSTS)
def test_a_cost_beyond_its_limit_is_named(tmp_path: Path, name: str) -> None:
    row = CPU_ROW.model_copy(update={name: 10**17 if name.endswith("_bytes") else 1e308})
    write_profile(tmp_path / "p.csv", [row])
    with pytest.raises(
        InputError, match=rf"p.csv:2: {name}: expected {most(name):g} or less, got '1".replace("+", r"\+")
    ):
        read_profile(tmp_path / "p.csv")


def test_a_run_with_every_cost_at_its_limit_has_finite_times() -> None:
    """Such a cost overflowed, and the policy was accused."""
    limits = {name: most(name) for name in COSTS}
    rows = [ProfileRow(**row.model_dump() | limits | {"sharing": None}) for row in (CPU_ROW, GPU_ROW)]
    rows[0] = rows[0].model_copy(update={"sharing": most("sharing")})
    nodes = [{"name": "a", "cores": 1}, {"name": "b", "cores": 2, "gpus": 1, "gpu_type": "v100"}]
    overheads = {"host_cores": 1, "latency_s": 1e9, "dispatch_s": 1e9, "device_cv": 100.0, "worker_variation": 100.0}
    longest: dict[str, Any] = {
        "stop_iterations": 10**9,
        "evaluation_images": 10**9,
        "pbt": {"perturbation_interval": 5 * 10**8},
    }
    result = simulate(make_setup(nodes, rows, overheads, **longest), "fusion+hrfs", seeds=[0])
    assert isfinite(result.runs[0].metrics.makespan_s)
