"""Recordings that have no log of their probe, by the calibration of today."""

import pytest
from msgspec.structs import replace

from hetsched.core.events import Event, RunStarted, SegmentEnded
from hetsched.scenario.checks import parse_strategy
from hetsched.studies.calibration import calibrate, calibrated
from hetsched.studies.fidelity.observed import of_today
from tests.conftest import Simulate, make_setup, profile_row

NODES = [{"name": "a", "cores": 1, "pace": 1.0}, *({"name": name, "cores": 1, "pace": 2.0} for name in "bc")]

FIFO = parse_strategy("fusion+fifo")


def as_real(events: list[Event]) -> list[Event]:
    return [replace(event, backend="ray") if isinstance(event, RunStarted) else event for event in events]


def test_start_ups_as_they_were_seen_become_those_of_lone_workers(simulate_log: Simulate) -> None:
    overheads = {"noise": False, "host_cores": 2}
    setup = make_setup(NODES, [profile_row(start_up_s=6.0)], overheads=overheads, population=4)
    events = as_real(simulate_log(setup))
    old = calibrated(setup, calibrate(events, "as an older hetsched did"))
    assert old.times.rows[0].start_up_s == pytest.approx(9.8, abs=0.1)
    found = of_today(old, setup.workers(FIFO), events, 2)
    assert found.scenario.overheads.host_cores == 2
    assert found.times.rows[0].start_up_s == pytest.approx(6.0)
    assert found.times.rows[0].start_up_cv == pytest.approx(0.0, abs=1e-6)


def test_a_step_of_a_probe_that_was_late_becomes_what_the_pace_asks(simulate_log: Simulate) -> None:
    setup = make_setup(NODES, [profile_row(seconds=2.0)], overheads={"noise": False}, population=4)
    events = [
        replace(event, parts=replace(event.parts, train_s=event.parts.train_s + 3.0), late_s=3.0)
        if isinstance(event, SegmentEnded) and event.worker == "b/cpu0"
        else event
        for event in simulate_log(setup)
    ]
    late = make_setup(NODES, [profile_row(seconds=2.5)], population=4)
    found = of_today(late, setup.workers(FIFO), events, 2)
    assert found.times.rows[0].seconds_per_iteration == pytest.approx(2.0)
