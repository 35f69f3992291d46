"""Trials that fail under the drop-in, as Tune tells of it; policies that fail."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from ray import tune

from hetsched import scheduling
from hetsched.core.decisions import Dispatch
from hetsched.core.events import SegmentLost, TrialCompleted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.log_check import check_log
from hetsched.core.view import StateView
from hetsched.errors import PolicyError
from hetsched.tune import HeterogeneousPBT
from tests.dropin.fake_tune import FakeController, FakeTrial, ray_node, ray_with

STOP = {"training_iteration": 4}


def controller_of(folder: Path, **arguments: Any) -> FakeController:
    """Two trials that train on a worker each."""
    trials = [FakeTrial(f"t{number}", {"lr": 0.1 + number}, STOP, folder) for number in range(2)]
    mutations = {"lr": tune.uniform(0.0, 1.0)}
    settings: dict[str, Any] = {"strategy": "fusion+fifo", "log_config": False, **arguments}
    scheduler = HeterogeneousPBT(
        metric="score", mode="max", perturbation_interval=2, hyperparam_mutations=mutations, folder=folder, **settings
    )
    controller = FakeController(scheduler, trials)
    controller.step()
    return controller


def fail(controller: FakeController, trial: FakeTrial, *, tried_again: bool) -> None:
    """What Tune does with a trial that has failed."""
    controller._process_trial_failure(trial, exception=ValueError("no luck"))
    controller._trial_to_actor.pop(trial)
    if not tried_again:
        controller._scheduler.on_trial_error(controller, trial)
        trial.status = "ERROR"
        return
    trial.status = "ERROR"
    controller._scheduler.on_trial_error(controller, trial)
    trial.status = "PENDING"
    controller._scheduler.on_trial_add(controller, trial)


def to_the_end(controller: FakeController) -> list[Any]:
    """Train what is left; the events of the log, which follow from each other."""
    for _ in range(20):
        for trial in controller.get_trials():
            if trial.status == "RUNNING":
                controller.report(trial, 0.5)
        if all(trial.is_finished() for trial in controller.get_trials()):
            break
        controller.step()
    controller.end()
    events = list(read_log(controller._scheduler._folder / LOG_NAME))
    assert check_log(events).ended == "completed"
    return events


def test_a_trial_that_is_tried_again_goes_on_from_its_last_boundary(tmp_path: Path) -> None:
    with ray_with(ray_node("a", 2)):
        controller = controller_of(tmp_path)
        [first, second] = controller.get_trials()
        for _ in range(2):
            controller.report(first, 0.5)
        controller.step()
        controller.report(first, 0.6)
        fail(controller, first, tried_again=True)
        assert first.status == "PAUSED"
        controller.step()
        assert first.iteration == 2
        events = to_the_end(controller)
    [lost] = [event for event in events if isinstance(event, SegmentLost)]
    assert (lost.trial, lost.reason) == ("t0", "ValueError: no luck")
    assert {trial.iteration for trial in (first, second)} == {4}


def test_a_trial_that_tune_gives_up_is_completed(tmp_path: Path) -> None:
    with ray_with(ray_node("a", 2)):
        controller = controller_of(tmp_path)
        fail(controller, controller.get_trials()[0], tried_again=False)
        events = to_the_end(controller)
    ends = {event.trial: event.reason for event in events if isinstance(event, TrialCompleted)}
    assert ends == {"t0": "failed: ValueError: no luck", "t1": "4 iterations"}


class Failing:
    """It starts two segments, and then raises."""

    def __init__(self) -> None:
        self._calls = 0

    def dispatch(self, state: Any) -> Any:
        self._calls += 1
        if self._calls > 1:
            raise ValueError("I give up")
        fifo = scheduling.policies.create("fifo")
        return fifo.dispatch(state)


def test_a_policy_that_raises_ends_the_experiment_in_one_line(tmp_path: Path) -> None:
    scheduling.register("failing")(Failing)
    with ray_with(ray_node("a", 2)):
        controller = controller_of(tmp_path, strategy="fusion+failing")
        for _ in range(2):
            controller.report(controller.get_trials()[0], 0.5)
        with pytest.raises(PolicyError, match="policy 'failing' raised ValueError .*: I give up") as error:
            controller.step()
        assert "\n" not in str(error.value)
        controller.end()
    ended = check_log(read_log(tmp_path / LOG_NAME)).ended
    assert ended is not None and ended.startswith("failed: PolicyError: policy 'failing' raised ValueError")


class HandsOutPackages:
    """One worker takes all."""

    def dispatch(self, state: StateView) -> list[Dispatch]:
        first, *others = state.ready_trials
        worker = next(iter(state.idle_workers))
        return [Dispatch(first.id, worker.id, 2, then=tuple(trial.id for trial in others))]


def test_a_package_of_a_policy_of_ones_own_is_refused(tmp_path: Path) -> None:
    scheduling.register("hands-out-packages")(HandsOutPackages)
    with ray_with(ray_node("a", 1), ray_node("b", 1)), pytest.raises(PolicyError, match="handed out a package"):
        to_the_end(controller_of(tmp_path, strategy="fusion+hands-out-packages"))
