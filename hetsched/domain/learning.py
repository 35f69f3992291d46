"""The interface of learning-curve models: how a trial's score answers to its hyperparameters in a simulation."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from hetsched.domain.metric import Mode
from hetsched.domain.registry import Registry
from hetsched.domain.workload import TrialKind

Weights = Any
"""What training has made of a trial, in a model's own terms. Immutable: an exploit copies the reference."""


@runtime_checkable
class LearningModel(Protocol):
    """Weights advance with iterations and hyperparameters, and yield a score. Only `normal` is random.

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
class SaysLimits(Protocol):
    """A learning model that says how far it was made from recordings: studies say what lies beyond."""

    def beyond(self, kind: TrialKind, iterations: int) -> str | None:
        """What becomes of the score of a trial of that kind where so many iterations are more than was recorded, in
        words; None where they are not, or the model does not know what was recorded."""
        ...


@runtime_checkable
class NamesHyperparameters(Protocol):
    """A learning model that names the hyperparameters to which it answers. It ignores all others: its studies say so
    beside their figures."""

    known_hyperparameters: Collection[str]


@runtime_checkable
class DrawsLots(Protocol):
    """A learning model without scores, of which PBT ranks trials by lot.

    In a real run other trials are the worst ones again and again. If all trials tied, the first one would always be the
    worst, and under `pbt.iterations = "lineage"` it would be taken back for ever.
    """

    def lot(self, normal: float) -> float:
        """What a trial is ranked by after an evaluation, the larger the better; `normal` is a standard normal draw."""
        ...


@runtime_checkable
class OfOneMetric(Protocol):
    """A learning model whose scores are values of one metric: it cannot simulate experiments that have another."""

    metric: str
    """The name of the metric."""


@runtime_checkable
class OfOneMode(Protocol):
    """A learning model that takes higher scores, or lower ones, for the better ones."""

    mode: Mode


models: Registry[LearningModel] = Registry("learning model", "hetsched.learning", ["fresh", "train", "score"])
register = models.register
