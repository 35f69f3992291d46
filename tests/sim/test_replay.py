"""Replays: a policy that sees again what it saw decides again what it decided."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hetsched import scheduling
from hetsched.core.events import AnyEvent, RunStarted, SegmentStarted, TrialAdded
from hetsched.core.log import read_log
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable
from sim.replay import replay
from tests.conftest import Simulate, make_scenario

NODES = (
    {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"},
    {"name": "a", "cores": 2},
    {"name": "b", "cores": 1},
    {"name": "c", "cores": 1},
)
POLICIES = scheduling.policies.names()
FAULTS: dict[str, Any] = {
    "nodes": {"mean_between_s": 60.0, "mean_repair_s": 10.0},
    "trials": {"mean_between_s": 100.0},
    "stragglers": {"mean_between_s": 40.0, "mean_duration_s": 20.0, "factor": 3.0},
}


def faulty(scenario: Setup) -> Setup:
    return scenario.replace(faults=FaultsTable.model_validate(FAULTS))


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_takes_the_decisions_of_its_simulated_log_again(policy: str, simulate_log: Simulate) -> None:
    scenario = make_scenario(NODES, population=7, stop_iterations=60)
    found = replay(scenario, simulate_log(scenario, f"fusion+{policy}"))
    assert found.difference is None
    assert found.alike == found.decisions > 0
    assert found.replayed_makespan_s == found.makespan_s


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("policy", ["least-progress", "hrfs", "asha", "gavel-las", "srtf"])
def test_so_it_does_when_workers_come_and_go(policy: str, seed: int, simulate_log: Simulate) -> None:
    scenario = faulty(make_scenario(NODES, population=7, stop_iterations=60))
    log = simulate_log(scenario, f"fusion+{policy}", seed)
    found = replay(scenario, log)
    assert found.difference is None
    assert (found.alike, found.replayed_makespan_s) == (found.decisions, found.makespan_s)


def test_a_decision_that_is_not_the_policys_is_found(simulate_log: Simulate) -> None:
    scenario = make_scenario(NODES, population=7, stop_iterations=60)
    log: list[AnyEvent] = list(simulate_log(scenario, "fusion+least-progress"))
    started = [number for number, event in enumerate(log) if isinstance(event, SegmentStarted)]
    place = started[3]
    told = log[place]
    assert isinstance(told, SegmentStarted)
    log[place] = SegmentStarted(told.time, told.trial, told.worker, told.iterations - 1)
    found = replay(scenario, log)
    assert found.difference is not None
    assert f"{told.iterations - 1} iterations of {told.trial}" in found.difference
    assert found.alike < found.decisions
    assert found.replayed_makespan_s is None


def test_another_policy_decides_otherwise(simulate_log: Simulate) -> None:
    scenario = make_scenario(NODES, population=7, stop_iterations=60)
    log: list[AnyEvent] = list(simulate_log(scenario, "fusion+fifo"))
    begun = log[0]
    assert isinstance(begun, RunStarted)
    log[0] = replace(begun, strategy="fusion+lpt")
    assert replay(scenario, log).difference is not None


def test_a_log_without_a_beginning_is_refused(simulate_log: Simulate) -> None:
    scenario = make_scenario()
    log: list[AnyEvent] = list(simulate_log(scenario))
    with pytest.raises(InputError, match="does not begin"):
        replay(scenario, log[1:])
    assert any(isinstance(event, TrialAdded) for event in log)


def test_a_run_is_replayed_as_far_as_it_went(tmp_path: Path, simulate_log: Simulate) -> None:
    scenario = make_scenario(NODES, population=7, stop_iterations=60)
    whole: list[AnyEvent] = list(simulate_log(scenario, "fusion+hrfs"))
    for cut in range(len(whole) // 3, len(whole), 7):
        found = replay(scenario, whole[:cut])
        assert found.difference is None
        assert found.alike == found.decisions
    assert list(read_log(tmp_path / "run-1" / "events.jsonl")) == whole
