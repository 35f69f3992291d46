"""What has changed since somebody last looked, against a list of all changes; the workers of each
type."""

from hypothesis import given
from hypothesis import strategies as st

from hetsched.core.changes import Changes
from hetsched.core.events import WorkerDraining, WorkerJoined, WorkerLeft
from hetsched.core.state import State
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import TrialId
from tests.conftest import ROWS


@given(st.lists(st.sampled_from("abcd")), st.integers(0, 30))
def test_changes_since_are_the_last_ones_of_each_trial(noted: list[str], since: int) -> None:
    changes = Changes()
    for name in noted:
        changes.note(TrialId(name))
    late = noted[since:]
    expected = [name for place, name in enumerate(late) if name not in late[place + 1 :]]
    assert changes.count == len(noted)
    assert changes.since(since) == expected


def worker(number: int) -> Worker:
    return Worker(WorkerId(f"n/{number}"), f"n{number}", "cpu", 1 + number % 3)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=20))
def test_workers_by_type_are_those_that_take_work(steps: list[tuple[int, bool]]) -> None:
    """A step lets the worker join, or drain it, or lets it leave if it drains or `at_once`."""
    state, draining = State(), set[int]()
    view = StateView(state, StepTimes(ROWS))
    before = view.workers_by_type
    for number, at_once in steps:
        name = worker(number).id
        if name not in state.workers:
            state.apply(WorkerJoined(0.0, worker(number)))
        elif at_once or number in draining:
            state.apply(WorkerLeft(0.0, name, "gone"))
            draining.discard(number)
        else:
            state.apply(WorkerDraining(0.0, name, 1.0, "spot"))
            draining.add(number)
        expected: dict[WorkerType, dict[WorkerId, Worker]] = {}
        for there in view.workers.values():
            expected.setdefault(there.type, {})[there.id] = there
        found = view.workers_by_type
        assert {name: dict(alike) for name, alike in found.items()} == expected
        assert list(found) == list(expected)
        assert found is view.workers_by_type
        assert found is not before
        before = found
