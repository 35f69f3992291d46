"""What policies and learning models see cannot be changed by them."""

import pickle
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from hetsched import scheduling
from hetsched.core.decisions import Decision, Dispatch
from hetsched.core.events import RunEnded
from hetsched.core.view import StateView
from hetsched.domain.hyperparameters import Choice, FixedList, nested
from tests.conftest import Simulate, make_setup

CHANGES: dict[str, Callable[[Any, Any], object]] = {
    "hyperparameters": lambda state, trial: trial.hyperparameters.update(lr=1.0),
    "a list": lambda state, trial: trial.hyperparameters["layers"].append(99),
    "an item": lambda state, trial: trial.hyperparameters["layers"].__setitem__(0, 1),
    "a choice": lambda state, trial: state.experiments[trial.experiment].search_space["layers"].values[0].pop(),
    "the idle workers": lambda state, trial: state.idle_by_type.clear(),
    "the idle workers of a type": lambda state, trial: next(iter(state.idle_by_type.values())).popitem(),
    "the ranking": lambda state, trial: state.ranking(trial).clear(),
}
SPACE = {"lr": {"low": 0.01, "high": 0.1}, "layers": {"choices": [[1, 2], [3, 4]]}}


@pytest.mark.parametrize("change", CHANGES)
def test_a_policy_cannot_change_what_it_sees(change: str, simulate_log: Simulate) -> None:
    @scheduling.register("changes-state")
    class Changing:
        def dispatch(self, state: StateView) -> Iterable[Decision]:
            for trial, worker in zip(list(state.ready_trials), list(state.idle_workers), strict=False):
                with pytest.raises((TypeError, AttributeError)):
                    CHANGES[change](state, trial)
                yield Dispatch(trial.id, worker.id, state.interval(trial))

    events = simulate_log(make_setup(search_space=SPACE), "fusion+changes-state")
    assert isinstance(events[-1], RunEnded)


def test_a_list_that_cannot_be_changed_equals_a_list_and_survives_pickling() -> None:
    value = Choice(([1, 2], [3])).at(0.0)
    assert isinstance(value, FixedList) and value == [1, 2]
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(TypeError, match="cannot be changed"):
        value += [3]


def test_a_users_code_gets_lists_of_its_own() -> None:
    choice = Choice(([1, 2],))
    mine = nested({"layers": choice.at(0.0)})["layers"]
    mine.append(5)
    assert (mine, choice.values) == ([1, 2, 5], ([1, 2],))
