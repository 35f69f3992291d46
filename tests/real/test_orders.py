"""Orders: what Tune's controller does when a trial goes on with a kept actor, and when an actor is
to train."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray")

from real.ray_internals.orders import OrderInternals


class Controller:
    """What Tune's controller does here, by its own names. `waiting` trials each get a kept actor."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.began: list[str] = []
        self.told: list[tuple[Any, ...]] = []
        self.during: Callable[[], None] = lambda: None
        self._resetting_trials: set[str] = set()
        failed = SimpleNamespace(_actor_task_failed=None, _actor_start_failed=None)
        self._actor_manager = failed

    def _maybe_add_actors(self) -> None:
        for trial in self.waiting:
            self._schedule_trial_reset(trial, {}, "tag")
            assert not self.began, "it looks at all trials first"
        self.during()

    def _schedule_trial_reset(self, trial: str, config: dict[str, Any], tag: str) -> None:
        raise AssertionError("no actor is reset")

    def _on_trial_reset(self, trial: str, success: bool) -> None:
        assert success
        self._resetting_trials.remove(trial)
        self.began.append(trial)

    def _schedule_trial_train(self, trial: str) -> None:
        raise AssertionError("without the order")

    def _schedule_trial_task(self, trial: str, method: str, args: tuple[Any, ...], **then: Any) -> None:
        self.told.append((trial, method, *args, then["on_result"](), then["on_error"]()))

    def _on_training_result(self) -> str:
        return "result"

    def _trial_task_failure(self) -> str:
        return "failure"

    def _process_trial_failure(self) -> None:
        raise NotImplementedError


@pytest.fixture
def controller() -> Any:
    return Controller()


def test_a_kept_actor_goes_on_once_all_trials_that_wait_were_looked_at(controller: Any) -> None:
    OrderInternals(controller)
    controller.waiting = ["a", "b"]
    controller._maybe_add_actors()
    assert controller.began == ["a", "b"]


def test_a_trial_that_was_taken_back_does_not_begin(controller: Any) -> None:
    OrderInternals(controller)
    controller.waiting, controller.during = ["a", "b"], lambda: controller._resetting_trials.discard("a")
    controller._maybe_add_actors()
    assert controller.began == ["b"]
    controller.waiting = []
    controller._maybe_add_actors()
    assert controller.began == ["b"]


def test_an_actor_gets_its_order_once_with_the_call_of_train(controller: Any) -> None:
    tune: Any = OrderInternals(controller)
    tune.order("a", "two iterations")
    controller._schedule_trial_train("a")
    controller._schedule_trial_train("a")
    assert controller.told == [
        ("a", "train", "two iterations", "result", "failure"),
        ("a", "train", None, "result", "failure"),
    ]


def test_tunes_snapshots_have_none_of_it(controller: Any) -> None:
    """What is put into the controller refers back to the controller."""
    OrderInternals(controller)
    controller.__getstate__()  # as Tune calls it
    replaced = {"_schedule_trial_train", "_schedule_trial_reset", "_maybe_add_actors", "__getstate__"}
    assert replaced <= vars(controller).keys()
    assert not replaced & controller.__getstate__().keys()
