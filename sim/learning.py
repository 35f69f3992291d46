"""Learning-curve models: how a trial's accuracy answers to its hyperparameters.

A first model, not yet fitted to recordings: its constants are in the scenario's `[learning]` table.

- The effective learning rate of SGD with momentum is e = lr / (1 - momentum). With momentum >= 1 or e above the
  divergence rate the weights diverge, and only another trial's weights heal that.
- Otherwise an iteration advances the trial by exp(-(ln(e / best rate) / width)^2 / 2): all of an iteration at
  the best rate, less the further it is from it.
- Accuracy is chance + (best accuracy - chance) x (1 - exp(-progress / iterations)), chance if diverged.
- A score is the accuracy plus normal noise, clipped to 0..1.
"""

from collections.abc import Mapping
from math import exp, log
from typing import NamedTuple, Protocol


class Weights(NamedTuple):
    """What training has made of a trial: copied by exploits, advanced by segments."""

    progress: float = 0.0
    diverged: bool = False


class LearningConstants(Protocol):
    """The scenario's `[learning]` table."""

    best_accuracy: float
    chance: float
    iterations: float
    best_rate: float
    width: float
    divergence_rate: float
    noise: float


class LearningCurve:
    """Weights advance with iterations and hyperparameters, and yield a score."""

    def __init__(self, constants: LearningConstants) -> None:
        self._c = constants

    def train(self, weights: Weights, hyperparameters: Mapping[str, float], iterations: int) -> Weights:
        momentum = hyperparameters.get("momentum", 0.0)
        rate = hyperparameters.get("lr", self._c.best_rate)
        effective = rate / (1 - momentum) if momentum < 1 else float("inf")
        if weights.diverged or effective > self._c.divergence_rate:
            return Weights(weights.progress, diverged=True)
        if effective <= 0:
            return weights
        distance = log(effective / self._c.best_rate) / self._c.width
        return Weights(weights.progress + iterations * exp(-0.5 * distance * distance))

    def accuracy(self, weights: Weights) -> float:
        """The accuracy in 0..1, without noise."""
        if weights.diverged:
            return self._c.chance
        learned = 1 - exp(-weights.progress / self._c.iterations)
        return self._c.chance + (self._c.best_accuracy - self._c.chance) * learned

    def score(self, weights: Weights, normal: float) -> float:
        """A measured accuracy; `normal` is a standard normal draw."""
        return min(1.0, max(0.0, self.accuracy(weights) + self._c.noise * normal))
