"""Trainings of users, which know nothing of hetsched: a class and a function that go down a parabola."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from ray import tune

STEP_S = 0.02


class Parabola(tune.Trainable):
    """The loss is the square of a weight, which each step moves to 0 by the learning rate."""

    def setup(self, config: dict[str, Any]) -> None:
        self.rate, self.weight = config["lr"], 1.0

    def step(self) -> dict[str, Any]:
        time.sleep(self.config.get("step_s", STEP_S))
        self.weight -= self.rate * self.weight
        return {"loss": self.weight**2, "rate": self.rate}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "weight.json").write_text(json.dumps(self.weight))

    def load_checkpoint(self, checkpoint_dir: Any) -> None:
        self.weight = json.loads(Path(checkpoint_dir, "weight.json").read_text())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.rate, self.weight = new_config["lr"], 1.0
        return True


def parabola(config: dict[str, Any]) -> None:
    """The same as a function."""
    weight, start = 1.0, 0
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            weight, start = json.loads(Path(folder, "weight.json").read_text())
    for step in range(start, 1000):
        time.sleep(config.get("step_s", STEP_S))
        weight -= config["lr"] * weight
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "weight.json").write_text(json.dumps([weight, step + 1]))
            tune.report({"loss": weight**2, "rate": config["lr"]}, checkpoint=tune.Checkpoint.from_directory(folder))
