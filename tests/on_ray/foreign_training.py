"""The stand-in's training as a user would write it: a class of six methods, which imports nothing
of hetsched."""

import json
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS = 2**19
"""4 bytes each: a checkpoint has 2 MiB."""


class Downhill:
    """Weights from a normal distribution go to 0, as fast as the learning rate lets them; above 2,
    away from it."""

    def __init__(self, options: Any, resources: Any) -> None:
        if resources.threads < 1:
            raise ValueError(f"threads is {resources.threads}: expected at least 1")

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        self._weights = np.random.default_rng(seed).standard_normal(WEIGHTS, np.float32)
        self._iterations = 0
        self.change(hyperparameters)

    def change(self, hyperparameters: dict[str, Any]) -> None:
        self._rate = np.float32(hyperparameters["lr"])

    def train(self, iterations: int) -> None:
        for _ in range(iterations):
            with np.errstate(over="ignore", invalid="ignore"):
                self._weights = self._weights - self._rate * self._weights
        self._iterations += iterations

    def evaluate(self) -> dict[str, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            loss = float(np.square(self._weights).mean())
        return {"accuracy": 1.0 / (1.0 + loss), "loss": loss}

    def save(self, folder: Path) -> None:
        np.save(folder / "weights.npy", self._weights)
        (folder / "progress").mkdir()
        (folder / "progress" / "iterations.json").write_text(json.dumps(self._iterations))

    def load(self, folder: Path) -> None:
        self._weights = np.load(folder / "weights.npy")
        self._iterations = json.loads((folder / "progress" / "iterations.json").read_text())
