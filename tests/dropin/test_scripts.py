"""The shapes of three public Tune scripts, with the scheduler exchanged: a torch MLP, XGBoost, a
Hugging Face loop.

They are written small and load nothing. Each runs on the cluster of `test_on_ray.py`.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from ray import tune

from hetsched.tune import HeterogeneousPBT
from tests.dropin.test_on_ray import fit, nodes, seen

__all__ = ["nodes"]

pytestmark = [pytest.mark.on_ray, pytest.mark.exhaustive]


def mlp(config: dict[str, Any]) -> None:
    """As in Ray's guide for PyTorch: a model and its optimizer, saved with every report."""
    import torch

    torch.set_num_threads(1)
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    labels = inputs.sum(dim=1, keepdim=True)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9)
    start = 0
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder, "state.pt"), weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        for group in optimizer.param_groups:
            group["lr"] = config["lr"]
        start = state["step"]
    for step in range(start, 1000):
        loss = torch.nn.functional.mse_loss(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with tempfile.TemporaryDirectory() as folder:
            saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            torch.save(saved, Path(folder, "state.pt"))
            result = {"loss": loss.item(), "rate": optimizer.param_groups[0]["lr"]}
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))


def boosting(config: dict[str, Any]) -> None:
    """As in Ray's guide for XGBoost: a few rounds per report, going on with the booster that was
    saved."""
    import numpy as np
    import xgboost

    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 4))
    data = xgboost.DMatrix(inputs, label=inputs.sum(axis=1))
    booster = None
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            booster = xgboost.Booster(model_file=Path(folder, "model.json"))
    settings = {"eta": config["lr"], "max_depth": 3, "nthread": 1}
    while True:
        found: dict[str, Any] = {}
        booster = xgboost.train(
            settings, data, 2, evals=[(data, "train")], evals_result=found, xgb_model=booster, verbose_eval=False
        )
        with tempfile.TemporaryDirectory() as folder:
            booster.save_model(Path(folder, "model.json"))
            result = {"loss": found["train"]["rmse"][-1], "rate": config["lr"]}
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))


class Trainer:
    """What scripts use of Hugging Face's Trainer: a state on the disk, and callbacks when an epoch
    is over."""

    def __init__(self, rate: float, on_epoch_end: Any) -> None:
        self.rate, self.on_epoch_end, self.weight = rate, on_epoch_end, 1.0

    def save(self, folder: str, epoch: int) -> None:
        Path(folder, "trainer_state.json").write_text(json.dumps({"epoch": epoch, "weight": self.weight}))

    def train(self, epochs: int, resume_from_checkpoint: str | None) -> None:
        first = 0
        if resume_from_checkpoint is not None:
            state = json.loads(Path(resume_from_checkpoint, "trainer_state.json").read_text())
            first, self.weight = state["epoch"], state["weight"]
        for epoch in range(first + 1, epochs + 1):
            self.weight *= 1 - self.rate
            self.on_epoch_end(self, epoch)


def hugging_face(config: dict[str, Any]) -> None:
    """As in `transformers`' hyperparameter search with Ray: a callback reports, and saves what it
    reports."""

    def report(trainer: Trainer, epoch: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            trainer.save(folder, epoch)
            result = {"loss": trainer.weight**2, "rate": trainer.rate}
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))

    trainer, checkpoint = Trainer(config["lr"], report), tune.get_checkpoint()
    if checkpoint is None:
        trainer.train(9, None)
        return
    with checkpoint.as_directory() as folder:
        trainer.train(9, folder)


@pytest.mark.parametrize(("script", "package"), [(mlp, "torch"), (boosting, "xgboost"), (hugging_face, None)])
def test_a_script_with_one_changed_line(script: Any, package: str | None, tmp_path: Path, nodes: Any) -> None:
    if package is not None:
        pytest.importorskip(package)
    rates = {"lr": tune.loguniform(0.001, 0.1)}
    scheduler = HeterogeneousPBT(perturbation_interval=3, hyperparam_mutations=rates, quantile_fraction=0.5)
    results = fit(script, tmp_path, scheduler=scheduler)
    assert not results.errors
    _, state = seen(tmp_path)
    assert state.ended == "completed"
    for result in results:
        trial = state.trials[result.metrics["trial_id"]]
        assert trial.iterations == result.metrics["training_iteration"] == 9
        assert result.metrics["rate"] == trial.hyperparameters["lr"]
