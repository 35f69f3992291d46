"""Gradient boosting of handwritten digits: a training of six methods, in XGBoost. It imports no
torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_digits

from hetsched.domain.training import Resources

HELD_OUT = 597
"""The number of held-out images, of 1,797. A trial is trained on images that its seed draws from
the others."""


class Boosting:
    """One iteration is one boosting round: a tree for each of the ten digits.

    Options are parameters of XGBoost that all trials share. Hyperparameters are parameters of
    XGBoost, too.
    """

    def __init__(self, options: Mapping[str, Any], resources: Resources) -> None:
        self.shared = {
            "objective": "multi:softprob",
            "num_class": 10,
            "tree_method": "hist",
            **options,
            "nthread": max(resources.threads, 1),
        }
        images, digits = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(images))
        held_out, others = np.split(order, [HELD_OUT])
        self.images, self.digits = images[others], digits[others]
        self.held_out, self.held_out_digits = xgb.DMatrix(images[held_out]), digits[held_out]

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        self.seed, self.sample = seed, self._sample(seed)
        self.booster = xgb.Booster({**self.shared, **hyperparameters}, [self.sample])

    def change(self, hyperparameters: dict[str, Any]) -> None:
        self.booster.set_param(hyperparameters)

    def train(self, iterations: int) -> None:
        for _ in range(iterations):
            self.booster.update(self.sample, self.booster.num_boosted_rounds())

    def evaluate(self) -> dict[str, float]:
        """Log loss and share of errors on the held-out images."""
        probabilities = self.booster.predict(self.held_out)
        of_digit = probabilities[np.arange(HELD_OUT), self.held_out_digits]
        return {
            "log_loss": float(-np.log(np.maximum(of_digit, 1e-7)).mean()),
            "error": float((probabilities.argmax(axis=1) != self.held_out_digits).mean()),
        }

    def save(self, folder: Path) -> None:
        self.booster.save_model(folder / "booster.ubj")
        (folder / "seed.json").write_text(json.dumps(self.seed))

    def load(self, folder: Path) -> None:
        self.seed = json.loads((folder / "seed.json").read_text())
        self.sample = self._sample(self.seed)
        self.booster = xgb.Booster(self.shared, [self.sample], model_file=folder / "booster.ubj")

    def _sample(self, seed: int) -> xgb.DMatrix:
        """A sample of the training images, of the same number, with repetitions, as in bagging."""
        chosen = np.random.default_rng(seed).integers(len(self.images), size=len(self.images))
        return xgb.DMatrix(self.images[chosen], self.digits[chosen])
