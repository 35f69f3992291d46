"""Predicted against measured, with the simulator in both roles."""

from pathlib import Path

import pytest

from hetsched.events import SegmentEnded, read_log
from hetsched.metrics import measure
from hetsched.scenario import parse_strategy
from hetsched.validate import agreement, calibrate, calibrated, probe_scenario
from hetsched.workload import TrialKind
from tests.conftest import Simulate, make_scenario

NODES = (
    {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"},
    {"name": "a", "cores": 2},
    {"name": "b", "cores": 1, "pace": 1.5},
)
QUIET = {"noise": False, "dispatch_s": 0.25}


def test_a_probe_run_gives_back_the_profile_that_it_ran_on(simulate_log: Simulate) -> None:
    scenario = make_scenario(NODES, overheads=QUIET, population=9, stop_iterations=100)
    probe = probe_scenario(scenario, workers=3)
    found = calibrate(simulate_log(probe, "fusion+least-progress"), "a test")
    assert found.dispatch_s == pytest.approx(0.25)
    again = calibrated(scenario, found)
    kind = TrialKind("resnet18", "cifar10", 32)
    for worker in scenario.workers(parse_strategy("fusion+fifo")):
        assert again.times.seconds_per_iteration(kind, worker.type) == pytest.approx(
            scenario.times.seconds_per_iteration(kind, worker.type)
        )
        costs, expected = again.times.costs(kind, worker.type), scenario.times.costs(kind, worker.type)
        assert costs.evaluation_s_per_image == pytest.approx(expected.evaluation_s_per_image)
        assert costs.start_up_s == pytest.approx(expected.start_up_s)
        assert costs.restore_s == pytest.approx(expected.restore_s)
        assert costs.checkpoint_s == pytest.approx(expected.checkpoint_s)
    measured = measure(simulate_log(scenario, "fusion+hrfs"), scenario)
    predicted = measure(simulate_log(again, "fusion+hrfs"), again)
    assert predicted.makespan_s == pytest.approx(measured.makespan_s)


def test_the_probe_sees_every_worker_cold_and_warm(simulate_log: Simulate) -> None:
    scenario = make_scenario(NODES, population=9, stop_iterations=100)
    ended = [
        e for e in simulate_log(probe_scenario(scenario, 3), "fusion+least-progress") if isinstance(e, SegmentEnded)
    ]
    for worker in ("g/gpu0", "a/cpu0", "b/cpu0"):
        here = [event.parts for event in ended if event.worker == worker]
        assert any(parts.start_up_s > 0 for parts in here)
        assert any(parts.start_up_s == 0 for parts in here)
    assert any(event.parts.restore_s > 0 for event in ended)


def test_errors_are_signed_and_by_worker(simulate_log: Simulate) -> None:
    fast = make_scenario(NODES, overheads={"noise": False}, population=6)
    slow = make_scenario(NODES, overheads={"noise": False, "dispatch_s": 10.0}, population=6)
    predicted = [measure(simulate_log(fast), fast)]
    measured = [measure(simulate_log(slow), slow)]
    found = agreement(predicted, measured)
    assert found.makespan_s.error_percent is not None and found.makespan_s.error_percent < 0
    assert found.makespan_s.predicted == predicted[0].makespan_s
    assert set(found.workers) == {"g/gpu0", "a/cpu0", "b/cpu0"}
    assert sum(w.segments.measured for w in found.workers.values()) == 12
    assert agreement(measured, measured).makespan_s.error_percent == 0


def test_a_log_that_was_cut_off_is_read_up_to_there(tmp_path: Path, simulate_log: Simulate) -> None:
    whole = simulate_log(make_scenario())
    path = tmp_path / "run-1" / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-7])
    assert list(read_log(path)) == whole[:-1]
