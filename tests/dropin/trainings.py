"""Trainings of users, which know nothing of hetsched: a class and a function that go down a
parabola."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

STEP_S = 0.02


def where() -> str:
    """The Ray node that this runs on."""
    return str(ray.get_runtime_context().get_node_id())


class Parabola(tune.Trainable):
    """The loss is the square of a weight, which each step moves to 0 by the learning rate."""

    def setup(self, config: dict[str, Any]) -> None:
        self.rate, self.weight = config["lr"], 1.0

    def step(self) -> dict[str, Any]:
        time.sleep(STEP_S)
        self.weight -= self.rate * self.weight
        return {"loss": self.weight**2, "rate": self.rate, "where": where()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "weight.json").write_text(json.dumps(self.weight))

    def load_checkpoint(self, checkpoint_dir: Any) -> None:
        self.weight = json.loads(Path(checkpoint_dir, "weight.json").read_text())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.rate, self.weight = new_config["lr"], 1.0
        return True


class Forgetful(Parabola):
    """Its checkpoints bring their learning rate back."""

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "weight.json").write_text(json.dumps([self.weight, self.config["lr"]]))

    def load_checkpoint(self, checkpoint_dir: Any) -> None:
        self.weight, self.config["lr"] = json.loads(Path(checkpoint_dir, "weight.json").read_text())


def parabola(config: dict[str, Any], checkpoint_every: int = 1) -> None:
    """The same as a function, which is saved every so many steps."""
    weight, start = 1.0, 0
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            weight, start = json.loads(Path(folder, "weight.json").read_text())
    for step in range(start, 1000):
        time.sleep(STEP_S)
        weight -= config["lr"] * weight
        result = {"loss": weight**2, "rate": config["lr"], "where": where()}
        if (step + 1) % checkpoint_every:
            tune.report(result)
            continue
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "weight.json").write_text(json.dumps([weight, step + 1]))
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))


def every_second(config: dict[str, Any]) -> None:
    """It can be saved after every second step only."""
    parabola(config, checkpoint_every=2)


def seven_steps(config: dict[str, Any]) -> None:
    """It ends by itself, without a stop rule."""
    start = 0
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            start = json.loads(Path(folder, "step.json").read_text())
    for step in range(start, 7):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "step.json").write_text(json.dumps(step + 1))
            result = {"loss": config["lr"] / (step + 1), "rate": config["lr"], "where": where()}
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))
