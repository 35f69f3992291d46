"""A script that tunes its batch size, or only says it: the most common of all hyperparameters."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from ray import tune

from hetsched.core.events import TrialAdded
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.log_check import check_log
from hetsched.studies.replay import replay
from hetsched.tune import HeterogeneousPBT
from tests.dropin.fake_tune import FakeController, FakeTrial, ray_node, ray_with


@pytest.mark.parametrize(
    ("config", "mutations"),
    [
        ({"lr": 0.1, "batch_size": 32}, {"lr": tune.uniform(0.0, 1.0)}),
        ({"lr": 0.1, "batch_size": 32}, {"batch_size": [16, 32, 64]}),
        ({"batch_size": 32}, {"batch_size": tune.randint(8, 512)}),
    ],
)
def test_it_trains_to_its_end(config: dict[str, Any], mutations: dict[str, Any], tmp_path: Path) -> None:
    """The default batch size of the scenario was held against the script's own."""
    trials = [FakeTrial(f"t{number}", dict(config), {"training_iteration": 4}, tmp_path) for number in range(3)]
    scheduler = HeterogeneousPBT(
        metric="score",
        mode="max",
        perturbation_interval=1,
        hyperparam_mutations=mutations,
        folder=tmp_path,
        log_config=False,
        strategy="fusion+fifo",
    )
    with ray_with(ray_node("a", 2)):
        controller = FakeController(scheduler, trials)
        for _ in range(20):
            controller.step()
            for number, trial in enumerate(trials):
                if trial.status == "RUNNING":
                    controller.report(trial, 0.1 * number)
        controller.end()
    events = list(read_log(tmp_path / LOG_NAME))
    state = check_log(events)
    assert state.ended == "completed"
    assert all(event.hyperparameters == config for event in events if isinstance(event, TrialAdded))
    assert sum(trial.exploits for trial in state.trials.values()) > 0
    assert [trial.config for trial in trials] == [dict(trial.hyperparameters) for trial in state.trials.values()]
    assert replay(tmp_path).same
