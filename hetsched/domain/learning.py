"""The interface of learning-curve models: how a trial's score answers to its hyperparameters in a simulation."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from hetsched.domain.registry import Registry
from hetsched.domain.workload import TrialKind

Weights = Any
"""What training has made of a trial, in a model's own terms. Immutable: an exploit copies the reference."""


@runtime_checkable
class LearningModel(Protocol):
    """Weights advance with iterations and hyperparameters, and yield a score. Luck comes in by `normal` only.

    Training twice must come to the same as training once for as long: how iterations are cut into segments is a
    scheduler's choice, not a hyperparameter.
    """

    def fresh(self, kind: TrialKind) -> Weights:
        """The weights of a trial of that kind before its first iteration."""
        ...

    def train(
        self, weights: Weights, kind: TrialKind, hyperparameters: Mapping[str, Any], iterations: int
    ) -> Weights: ...

    def score(self, weights: Weights, normal: float) -> float | None:
        """A value of the experiment's metric, as measured; `normal` is a standard normal draw. None, or what is not
        finite: not known."""
        ...


@runtime_checkable
class SaysAssumptions(Protocol):
    """A learning model that says where its scores are a guess: its studies say so beside their figures."""

    def assumed(self, kinds: Collection[TrialKind]) -> Iterable[str]:
        """What the model assumes of trials of these kinds, a line per assumption; nothing where it was fitted."""
        ...


@runtime_checkable
class OfOneMetric(Protocol):
    """A learning model whose scores are values of one metric: it cannot simulate experiments that have another."""

    metric: str
    """The name of the metric."""


models: Registry[LearningModel] = Registry("learning model", "hetsched.learning", ["fresh", "train", "score"])
register = models.register
