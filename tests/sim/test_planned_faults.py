"""Faults at times of their own."""

import pytest

from hetsched.core.events import Event, SegmentEnded, SegmentLost, SegmentStarted, WorkerJoined, WorkerLeft
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.validation import probe_scenario
from hetsched.testing import check_log
from tests.conftest import NO_OVERHEADS, Simulate, make_setup


def faulty(*faults: dict[str, object]) -> Setup:
    return make_setup(overheads=NO_OVERHEADS).replace(faults={"planned": list(faults)})


def changes(events: list[Event]) -> list[tuple[str, float, str]]:
    """Who lost a segment, left and joined, and when, but for the start."""
    found = []
    for event in events:
        if isinstance(event, SegmentLost | WorkerLeft):
            found.append((type(event).__name__, event.time, str(event.worker)))
        elif isinstance(event, WorkerJoined) and event.time > 0:
            found.append(("WorkerJoined", event.time, str(event.worker.id)))
    return found


def test_a_worker_whose_process_is_killed_starts_anew_at_once(simulate_log: Simulate) -> None:
    events = simulate_log(faulty({"worker": "a/cpu0", "at_s": 3.0}))
    kinds = ["SegmentLost", "WorkerLeft", "WorkerJoined"]
    assert changes(events) == [(kind, 3.0, "a/cpu0") for kind in kinds]
    assert any(isinstance(event, SegmentStarted) and (event.time, event.worker) == (3.0, "a/cpu0") for event in events)
    assert check_log(events).ended == "completed"


def test_a_node_leaves_and_is_back_at_its_times(simulate_log: Simulate) -> None:
    events = simulate_log(faulty({"node": "a", "at_s": 3.0, "back_s": 9.5}))
    told = changes(events)
    assert told == [("SegmentLost", 3.0, "a/cpu0"), ("WorkerLeft", 3.0, "a/cpu0"), ("WorkerJoined", 9.5, "a/cpu0")]
    here = [event.time for event in events if isinstance(event, SegmentEnded) and event.worker == "a/cpu0"]
    assert here and min(here) > 9.5
    assert check_log(events).ended == "completed"


def test_a_probe_has_no_fault() -> None:
    setup = faulty({"worker": "a/cpu0", "at_s": 3.0})
    assert not probe_scenario(setup, 2).scenario.faults.planned


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"at_s": 1.0}, "give one of worker and node"),
        ({"at_s": 1.0, "node": "a", "worker": "a/cpu0", "back_s": 2.0}, "give one of worker and node"),
        ({"at_s": 1.0, "node": "a"}, "give it with node, and only there"),
        ({"at_s": 1.0, "worker": "a/cpu0", "back_s": 2.0}, "give it with node, and only there"),
        ({"at_s": 3.0, "node": "a", "back_s": 2.0}, "from the start of the run, as at_s is, and later"),
        ({"at_s": 1.0, "node": "z", "back_s": 2.0}, "faults.planned: the cluster has no node 'z'"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(fault: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        faulty(fault)


def test_a_worker_that_is_not_there_is_named(simulate_log: Simulate) -> None:
    with pytest.raises(InputError, match=r"faults\.planned: fusion\+fifo has no worker 'a/cpu9'"):
        simulate_log(faulty({"worker": "a/cpu9", "at_s": 1.0}))
