"""Workers that start at one time on one host share its cores."""

import pytest
from msgspec.structs import replace

from hetsched.core.events import Event, RunStarted, SegmentEnded
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.start_ups import BEFORE_CORES, core_places, slowdowns
from hetsched.scenario.scenario import Setup
from hetsched.studies.calibration import calibrate
from tests.conftest import Simulate, make_setup, profile_row

THREE = [{"name": name, "cores": 1} for name in "abc"]

FIRST = [2 * (1 - BEFORE_CORES) + 1.5 * BEFORE_CORES, (1 - BEFORE_CORES) + 1.5 * BEFORE_CORES]
"""How many times as long as alone a worker takes that shares one of two cores with another, and one
that has its own, where three start."""


def quiet(host_cores: int | None) -> Setup:
    overheads = {"noise": False} | ({} if host_cores is None else {"host_cores": host_cores})
    return make_setup(THREE, [profile_row(start_up_s=5.0)], overheads=overheads, population=4)


def start_ups(events: list[Event]) -> dict[str, float]:
    cold = [event for event in events if isinstance(event, SegmentEnded) and event.parts.start_up_s > 0]
    return {event.worker: event.parts.start_up_s for event in cold}


def test_workers_on_one_core_take_twice_as_long_from_when_they_keep_to_it(simulate_log: Simulate) -> None:
    found = start_ups(simulate_log(quiet(2)))
    assert found == pytest.approx({"a/cpu0": 5 * FIRST[0], "b/cpu0": 5 * FIRST[1], "c/cpu0": 5 * FIRST[0]})


def test_with_cores_for_all_they_start_as_if_alone(simulate_log: Simulate) -> None:
    assert simulate_log(quiet(3))[2:] == simulate_log(quiet(None))[2:]


def test_a_worker_that_starts_later_starts_alone(simulate_log: Simulate) -> None:
    setup = quiet(2).replace(faults={"late": {"c": 30.0}})
    found = start_ups(simulate_log(setup))
    assert found == pytest.approx({"a/cpu0": 5.0, "b/cpu0": 5.0, "c/cpu0": 5.0})


def test_workers_with_as_many_cores_share_alike() -> None:
    cores = {"a": 2, "b": 1, "c": 1}
    places = core_places([Worker(WorkerId(name), NodeId(name), "cpu", count) for name, count in cores.items()], 2)
    factors = slowdowns(list(places), places, 2)
    assert list(factors.values()) == pytest.approx([1.5, 1.5, 1.5])


def test_a_calibration_gives_back_what_a_lone_worker_takes(simulate_log: Simulate) -> None:
    events = as_real(simulate_log(quiet(2)))
    found = calibrate(events, "a test", host_cores=2)
    assert found.host_cores == 2
    assert found.rows[0].start_up_s == pytest.approx(5.0)
    assert found.rows[0].start_up_cv == pytest.approx(0.0, abs=1e-9)
    seen = calibrate(events, "a test")
    assert seen.rows[0].start_up_s == pytest.approx(5 * (2 * FIRST[0] + FIRST[1]) / 3)


def test_in_a_simulation_start_ups_are_as_the_scenario_says(simulate_log: Simulate) -> None:
    found = calibrate(simulate_log(quiet(None)), "a test", host_cores=2)
    assert found.host_cores is None
    assert found.rows[0].start_up_s == pytest.approx(5.0)


def as_real(events: list[Event]) -> list[Event]:
    return [replace(event, backend="ray") if isinstance(event, RunStarted) else event for event in events]
