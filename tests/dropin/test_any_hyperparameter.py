"""Hyperparameters that scripts have and that no range of a scenario could hold: none of them keeps
a script from training."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from ray import tune

from hetsched.core.events import TrialAdded
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.log_check import check_log
from hetsched.domain.workload import TrialId
from hetsched.studies.replay import replay
from hetsched.tune import HeterogeneousPBT
from real.dropin.population import flat, with_values
from tests.dropin.fake_tune import FakeController, FakeTrial, ray_node, ray_with


@pytest.mark.parametrize(
    ("config", "mutations"),
    [
        ({"lr": 0.1, "batch_size": 32}, {"lr": tune.uniform(0.0, 1.0)}),
        ({"lr": 0.1, "batch_size": 32}, {"batch_size": [16, 32, 64]}),
        ({"batch_size": 32}, {"batch_size": tune.randint(8, 512)}),
        ({"lr": 0.1, "max_norm": [0.5, float("inf"), 1.0]}, {"lr": tune.uniform(0.0, 1.0)}),
        ({"lr": 0.1, "seed": [2**41, 2**50, 2**62]}, {"lr": tune.uniform(0.0, 1.0)}),
        ({"lr": 0.1, "clip": {"low": 5, "high": 1}, "a": 1, "a.b": 2, "": 3}, {"lr": tune.uniform(0.0, 1.0)}),
        ({"lr": 0.1, "seed": 2**60}, {"seed": tune.randint(0, 2**63)}),
    ],
)
def test_it_trains_to_its_end(config: dict[str, Any], mutations: dict[str, Any], tmp_path: Path) -> None:
    """A list has a value per trial. The default batch size of the scenario was held against the
    script's own, and values that are drawn from afar against the limits of ranges."""
    configs = [{key: each[n] if isinstance(each, list) else each for key, each in config.items()} for n in range(3)]
    trials = [FakeTrial(f"t{n}", dict(own), {"training_iteration": 4}, tmp_path) for n, own in enumerate(configs)]
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
    said = [{key: one for key, one in flat(config).items() if one != float("inf")} for config in configs]
    assert [event.hyperparameters for event in events if isinstance(event, TrialAdded)] == said, "JSON has no infinity"
    assert sum(trial.exploits for trial in state.trials.values()) > 0
    for trial in trials:
        known = state.trials[TrialId(trial.trial_id)].hyperparameters
        assert trial.config == with_values(trial.config, known), "a trial that is restored has what it had"
    assert replay(tmp_path).same
