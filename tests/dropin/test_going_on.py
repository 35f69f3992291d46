"""A Tune experiment that is restored: what the log has in part is made whole."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from ray import tune

from hetsched import scheduling
from hetsched.core.decisions import Dispatch, Stop
from hetsched.core.events import TrialCompleted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.log_check import check_log
from hetsched.domain.workload import TrialId
from hetsched.tune import HeterogeneousPBT
from tests.dropin.fake_tune import FakeController, FakeTrial, ray_node, ray_with


class KeepsOne:
    """Stops all trials but one at its first call, and never thinks of them again."""

    def __init__(self) -> None:
        self._stopped = False

    def dispatch(self, state: Any) -> Any:
        kept, *others = list(state.trials.values())
        if not self._stopped:
            self._stopped = True
            yield from (Stop(trial.id, "one is enough") for trial in others)
        if state.is_ready(kept):
            yield Dispatch(kept.id, next(iter(state.idle_workers)).id, state.interval(kept))


def controller_of(folder: Path) -> FakeController:
    """Three trials and a worker."""
    trials = [FakeTrial(f"t{number}", {"lr": 0.1}, {"training_iteration": 4}, folder) for number in range(3)]
    scheduler = HeterogeneousPBT(
        metric="score",
        mode="max",
        perturbation_interval=2,
        hyperparam_mutations={"lr": tune.uniform(0.0, 1.0)},
        folder=folder,
        log_config=False,
        strategy="fusion+keeps-one",
    )
    controller = FakeController(scheduler, trials)
    controller.step()
    return controller


def test_what_the_policy_stopped_is_stopped_though_the_log_lacks_it(tmp_path: Path) -> None:
    """A driver that died in the middle of an answer left trials that nobody trained: the policy was
    stalled."""
    scheduling.register("keeps-one")(KeepsOne)
    log = tmp_path / LOG_NAME
    with ray_with(ray_node("a", 1)):
        controller_of(tmp_path)
        lines = log.read_bytes().splitlines(keepends=True)
        cut = 1 + next(number for number, line in enumerate(lines) if b'"trial-completed"' in line)
        log.write_bytes(b"".join(lines[:cut]))
        controller = controller_of(tmp_path)
        for _ in range(10):
            for trial in controller.get_trials():
                if trial.status == "RUNNING":
                    controller.report(trial, 0.5)
            controller.step()
        assert [trial.status for trial in controller.get_trials()] == ["TERMINATED"] * 3
        controller.end()
    events = list(read_log(log))
    assert check_log(events).ended == "completed"
    ends = {event.trial: event.reason for event in events if isinstance(event, TrialCompleted)}
    assert ends[TrialId("t2")] == "decided before, and not written down: stopped by keeps-one: one is enough"
