"""A trainer that trains nothing, so that a real run shows the cost of its driver. It imports no
torch."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.meeting import meet
from hetsched.domain.cluster import Worker
from real.checkpoints import checkpoint_file
from real.training.trainer import Settings, Snapshot, trainers


@trainers.register("trivial")
class Trivial:
    """Holds a state of one number. Iterations are done at once, or with the pace if there is
    one."""

    def __init__(self, settings: Settings, worker: Worker, threads: int) -> None:
        self._name = worker.id.replace("/", "-")
        self._met = False
        self._iterations = 0
        self._rate = 0.0

    def reset(self, hyperparameters: Mapping[str, Any], seed: int) -> None:
        self._iterations = 0
        self.configure(hyperparameters)

    def configure(self, hyperparameters: Mapping[str, Any]) -> None:
        self._rate = hyperparameters["lr"]

    def train(self, iterations: int, pace_s: float | None, batch_size: int) -> None:
        if not self._met:
            meet(self._name)
            self._met = True
        self._iterations += iterations
        if pace_s:
            time.sleep(iterations * pace_s)

    def evaluate(self) -> dict[str, float]:
        return {"accuracy": self._iterations * self._rate}

    def snapshot(self) -> Snapshot:
        return {"iterations": self._iterations}

    def take_up(self, snapshot: Snapshot, hyperparameters: Mapping[str, Any], seed: int) -> None:
        self._iterations = int(snapshot["iterations"])
        self.configure(hyperparameters)

    def save(self, path: Path) -> None:
        self.write(self.snapshot(), path)

    def load(self, path: Path, hyperparameters: Mapping[str, Any], seed: int) -> None:
        with np.load(path) as arrays:
            self.take_up(dict(arrays), hyperparameters, seed)

    def write(self, snapshot: Snapshot, path: Path) -> None:
        with checkpoint_file.complete(path) as file:
            np.savez(file, **snapshot)
