"""A policy that remembers goes on in a process whose state is new."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched import scheduling
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import AnyEvent, Event
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State, state_of
from hetsched.core.view import StateView
from hetsched.domain.profiles import StepTimes
from hetsched.scenario.checks import parse_strategy
from hetsched.studies.resume import remember, take_up, workers_of
from sim.engine import simulate
from tests.conftest import ROWS, Simulate, make_setup

NODES = ({"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}, {"name": "a", "cores": 2}, {"name": "b", "cores": 1})
TIMES = StepTimes(ROWS)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    folder = tmp_path_factory.mktemp("run")
    simulate(make_setup(NODES, population=5), parse_strategy("fusion+fifo"), 0, folder)
    return list(read_log(folder / LOG_NAME))


@pytest.mark.parametrize("name", scheduling.policies.names())
def test_its_next_answer_can_be_carried_out_wherever_the_driver_died(name: str, simulate_log: Simulate) -> None:
    """`sia` compared counts of changes of two states: it knew nothing of what had changed, and gave a
    worker to a trial that was completed."""
    setup = make_setup(NODES, population=7, stop_iterations=60)
    strategy = parse_strategy(f"fusion+{name}")
    events: list[AnyEvent] = simulate_log(setup, str(strategy))
    for cut in range(20, len(events) - 1, 9):
        past = events[:cut]
        remembered = remember(setup, strategy, 0, past)
        assert remembered.forgot is None
        dispatcher = Dispatcher(State(), remembered.policy, name, setup.times)
        dispatcher.remember(past)
        take_up(dispatcher, workers_of(events), None, remembered.stops)
        if not dispatcher.state.finished:
            dispatcher.dispatch(dispatcher.state.now)


@given(data=st.data())
def test_changes_are_counted_from_the_events_alone(data: st.DataObject, events: list[Event]) -> None:
    looked, end = sorted(data.draw(st.lists(st.integers(1, len(events)), min_size=2, max_size=2)))
    early, late = StateView(state_of(events[:looked]), TIMES), StateView(state_of(events[:end]), TIMES)
    before = early.changes
    going_on = State()
    for event in events[:looked]:
        going_on.apply(event)
    view = StateView(going_on, TIMES)
    assert view.changes == before
    for event in events[looked:end]:
        going_on.apply(event)
    assert view.changes == late.changes
    assert view.changed_since(before) == late.changed_since(before)
