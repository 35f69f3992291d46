"""The interface of learning-curve models: how a trial's score follows from its hyperparameters in a
simulation."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from hetsched.domain.metric import Metric, Mode
from hetsched.domain.registry import Registry
from hetsched.domain.workload import TrialKind

Weights = Any
"""What training has made of a trial, in a model's own terms. Immutable: an exploit copies the
reference."""


@runtime_checkable
class LearningModel(Protocol):
    """Weights advance with iterations and hyperparameters, and give a score. Only `normal` is
    random.

    Training twice must equal training once for as many iterations. A scheduler decides how
    iterations are cut into segments. That cut is not a hyperparameter.
    """

    def fresh(self, kind: TrialKind) -> Weights:
        """The weights of a trial of that kind before its first iteration."""
        ...

    def train(
        self, weights: Weights, kind: TrialKind, hyperparameters: Mapping[str, Any], iterations: int
    ) -> Weights: ...

    def score(self, weights: Weights, normal: float) -> float | None:
        """A measured value of the experiment's metric. `normal` is a standard normal draw. The
        score is unknown if the result is None or not finite."""
        ...


@runtime_checkable
class SaysAssumptions(Protocol):
    """A learning model that says where its scores are assumptions. Studies print them beside their
    figures."""

    def assumed(self, kinds: Collection[TrialKind]) -> Iterable[str]:
        """The assumptions about trials of these kinds, one line each. None for a kind to which the
        model was fitted."""
        ...


@runtime_checkable
class SaysLimits(Protocol):
    """A learning model that says how far its recordings go. Studies say what lies beyond them."""

    def beyond(self, kind: TrialKind, iterations: int) -> str | None:
        """What happens to the score of such a trial beyond the recorded iterations, in words.

        None: these iterations were recorded, or the model does not know how many were.
        """
        ...


@runtime_checkable
class KnowsRecordedValues(Protocol):
    """A learning model that knows which values of hyperparameters were recorded. Studies say which
    values are far beyond them."""

    def recorded_values(self, kind: TrialKind) -> Mapping[str, Collection[Any]]:
        """The recorded values of each hyperparameter, also of one that has no effect on scores. Of
        numbers, the least and the greatest one suffice. Empty: they are not known for such a
        trial."""
        ...


@runtime_checkable
class SaysImages(Protocol):
    """A learning model that knows on which training images its recordings were made. Studies say
    where an experiment trains on others."""

    def unlike_recorded(self, kind: TrialKind, train_images: int | None, augment: bool) -> Iterable[str]:
        """What the score of such a trial leaves out of account, one line each, if it trains on so
        many images (None: on all), at random cropped and mirrored with `augment`."""
        ...


@runtime_checkable
class SaysNoise(Protocol):
    """A learning model that says how noisy its scores are. Studies say where so few images are
    evaluated that an accuracy is noisier."""

    def score_noise(self) -> float:
        """The standard deviation of a score about its mean."""
        ...


@runtime_checkable
class NamesHyperparameters(Protocol):
    """A learning model that names the hyperparameters which it uses. It ignores all others. Studies
    say so beside their figures."""

    known_hyperparameters: Collection[str]


@runtime_checkable
class ChecksHyperparameters(Protocol):
    """A learning model that needs certain hyperparameters. A study asks it before anything begins."""

    def check_hyperparameters(self, kind: TrialKind, hyperparameters: Mapping[str, Any]) -> None:
        """Raise InputError if the model cannot train such a trial."""
        ...


@runtime_checkable
class DrawsLots(Protocol):
    """A learning model without scores: PBT ranks its trials by lot.

    In a real run the worst trials differ from time to time. If all trials were equal, the first one
    would always be the worst. Under `pbt.iterations = "lineage"` copies would then reduce its
    iterations for ever.
    """

    def lot(self, normal: float) -> float:
        """The number that ranks a trial after an evaluation: greater is better. `normal` is a
        standard normal draw."""
        ...


@runtime_checkable
class OfOneMetric(Protocol):
    """A learning model whose scores are values of one metric. It cannot simulate experiments of
    another metric."""

    metric: str
    """The name of the metric."""


@runtime_checkable
class OfOneMode(Protocol):
    """A learning model in which either higher or lower scores are better."""

    mode: Mode


@runtime_checkable
class RefusesMetrics(Protocol):
    """A learning model that cannot simulate every metric, such as one whose scores would get worse
    by training."""

    def refuses(self, metric: Metric) -> str | None:
        """Why it cannot simulate experiments of the metric, and what to change. None: it can."""
        ...


models: Registry[LearningModel] = Registry("learning model", "hetsched.learning", ["fresh", "train", "score"])
register = models.register
