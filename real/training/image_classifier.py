"""The built-in networks as a training class: `class =
"real.training.image_classifier:ImageClassifier"`.

A scenario without `[training]` trains the same networks in a shorter way. Their tensors then go
into the object store as they are.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hetsched.domain.training import Resources
from hetsched.errors import nearest
from real.training.trainer import Settings
from real.training.training import Training

OPTIONS = {"model": "resnet18", "dataset": "cifar10", "batch_size": 512}
"""The options that `Settings` requires, with their defaults here. All other options are optional
fields of `Settings`."""

FILE = "state.pt"


class ImageClassifier:
    """Trains one of `real.training.models` with SGD on images. Its options are the fields of
    `Settings`."""

    def __init__(self, options: Mapping[str, Any], resources: Resources) -> None:
        known = {field.name for field in fields(Settings)} - {"training", "options"}
        for key in options:
            if key not in known:
                raise ValueError(f"no option {key!r}: {nearest(key, known)}")
        given: dict[str, Any] = {**OPTIONS, **options}
        for key in ("data_dir", "model_file"):
            if given.get(key) is not None:
                given[key] = Path(given[key])
        given["speed_ups"] = tuple(given.get("speed_ups", ()))
        self._training = Training(Settings(**given), device=resources.device, threads=resources.threads)

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        self._training.reset(hyperparameters, seed)

    def change(self, hyperparameters: dict[str, Any]) -> None:
        self._training.configure(hyperparameters)

    def train(self, iterations: int) -> None:
        """Do that many optimiser steps, each on one batch."""
        self._training.train(iterations)

    def evaluate(self) -> dict[str, float]:
        return self._training.evaluate()

    def save(self, folder: Path) -> None:
        self._training.save(folder / FILE)

    def load(self, folder: Path) -> None:
        self._training.resume(folder / FILE)
