"""A trainer that imports no torch, for tests about everything but the training: it goes down a
parabola.

Its state is so large that a checkpoint is more than other files of a run, and its scores follow
from a trial's seed and learning rates alone.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hetsched.domain.cluster import Worker
from real.checkpoints import checkpoint_file
from real.training.trainer import CheckpointError, Settings, Snapshot, trainers

WEIGHTS = 2**19
"""4 bytes each: a checkpoint has 2 MiB."""

SLOW_S = 0.1
"""What an iteration of the slow stand-in takes at least, in seconds, whatever the pace."""


@trainers.register("stand-in")
class StandIn:
    """Weights from a normal distribution go to 0, as fast as the learning rate lets them; above 2,
    away from it."""

    def __init__(self, settings: Settings, worker: Worker, threads: int) -> None:
        if settings.train_images is not None and settings.train_images < settings.batch_size:
            raise ValueError(f"batch_size is {settings.batch_size}: expected at most {settings.train_images}")
        self._weights = np.zeros(WEIGHTS, np.float32)
        self._iterations = 0
        self._rate = 0.0

    def reset(self, hyperparameters: Mapping[str, Any], seed: int) -> None:
        self._weights = np.random.default_rng(seed).standard_normal(WEIGHTS, np.float32)
        self._iterations = 0
        self.configure(hyperparameters)

    def configure(self, hyperparameters: Mapping[str, Any]) -> None:
        self._rate = hyperparameters["lr"]

    def train(self, iterations: int, pace_s: float | None, batch_size: int) -> None:
        start = time.perf_counter()
        for done in range(1, iterations + 1):
            with np.errstate(over="ignore", invalid="ignore"):
                self._weights = self._weights - np.float32(self._rate) * self._weights
            self._iterations += 1
            time.sleep(max(0.0, start + done * (pace_s or 0.0) - time.perf_counter()))

    def evaluate(self) -> dict[str, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            loss = float(np.square(self._weights).mean())
        return {"accuracy": 1.0 / (1.0 + loss) if np.isfinite(loss) else 0.0, "loss": loss}

    def snapshot(self) -> Snapshot:
        return {"weights": self._weights.copy(), "iterations": self._iterations}

    def take_up(self, snapshot: Snapshot, hyperparameters: Mapping[str, Any], seed: int) -> None:
        self._weights = np.array(snapshot["weights"])
        self._iterations = int(snapshot["iterations"])
        self.configure(hyperparameters)

    def save(self, path: Path) -> None:
        self.write(self.snapshot(), path)

    def load(self, path: Path, hyperparameters: Mapping[str, Any], seed: int) -> None:
        try:
            with np.load(path) as arrays:
                self.take_up(dict(arrays), hyperparameters, seed)
        except Exception as error:  # a damaged file can fail anywhere, in many ways
            raise CheckpointError(f"checkpoint {path} cannot be loaded ({type(error).__name__}: {error})") from error

    def write(self, snapshot: Snapshot, path: Path) -> None:
        with checkpoint_file.complete(path) as file:
            np.savez(file, **snapshot)


@trainers.register("slow-stand-in")
class SlowStandIn(StandIn):
    """The same on a machine that is too slow for the pace of these tests."""

    def train(self, iterations: int, pace_s: float | None, batch_size: int) -> None:
        for _ in range(iterations):
            time.sleep(SLOW_S)
            super().train(1, None, batch_size)
