"""How SGD with momentum learns: a model of a few constants, fitted to recordings
(docs/learning.md).

- The effective learning rate of SGD with momentum is e = lr / (1 - momentum). u is ln(e) less
  `batch_rate` x ln(batch / 32): larger batches allow larger rates (Goyal et al., "Accurate, Large
  Minibatch SGD", 2017).
- An iteration advances the trial by (batch / 32)^`batch_gain` x exp(-((u - `best`) / width)^2 / 2).
  The width differs below and above the best rate.
- A rate that is too high holds the accuracy down by a share. The share rises with u as a logistic
  function, up to `most_held`. It follows the rate exponentially, over `settling` iterations. So
  lowering the rate late releases what was learned, as in real training.
- Accuracy is chance + (best accuracy - chance) x (1 - (1 + progress / `scale`)^-`power`) x (1 -
  share held down): a power law, as learning curves are (Hestness et al., "Deep Learning Scaling is
  Predictable, Empirically", 2017).
- Progress at a low rate leads to a lower ceiling: large rates generalise better (Li et al.,
  "Towards Explaining the Regularization Effect of Initial Large Learning Rate", 2019). The lost
  share falls with u as a logistic function, from at most `most_lost`. It is the mean over the
  progress made. By default nothing is lost.
- If u is above `divergence`, or the momentum is at least 1, the weights diverge: the accuracy is
  chance until the trial takes over other weights.
- A score is the accuracy with normal noise, in 0..1.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from math import exp, log, pow
from typing import Any, ClassVar, NamedTuple

from msgspec import Struct

from hetsched.domain.hyperparameters import OF_SGD
from hetsched.domain.workload import TrialKind
from sim.learning.networks import named, networks_of, one_curve_of_all

REFERENCE_BATCH = 32

MOST_POWER = 10
"""The limit of the powers to which batch sizes and rates are raised. Greater ones overflow."""

LEAST_WIDTH = 1e-6
"""The lower limit of what the logarithm of a rate is divided by. The squares of quotients overflow
below it."""

FITTED_TO = ("resnet18", "cifar10")
"""The model and the data set whose recordings gave the constants."""


TRAIN_IMAGES = 50_000
"""The training images of these recordings: all of the data set."""


class Recorded(NamedTuple):
    """How far the recordings go that gave the constants: their least and greatest batch size, their
    last iteration, and their least and greatest learning rate, momentum and weight decay."""

    batches: tuple[int, int]
    iterations: int
    lr: tuple[float, float]
    momentum: tuple[float, float]
    weight_decay: tuple[float, float]


RECORDED = Recorded((16, 512), 1000, (8.98402e-06, 1.4646), (0.0, 0.9754), (0.0, 0.0))
"""How far the package's recordings of `FITTED_TO` go (docs/learning.md). A test compares."""


def check_powers(constants: object) -> None:
    """Raise ValueError if a power to which batch sizes or rates are raised is beyond its limit."""
    for name in ("batch_rate", "batch_gain", "drop_rate"):
        if abs(value := getattr(constants, name, 0.0)) > MOST_POWER:
            raise ValueError(f"{name} is {value}: expected -{MOST_POWER} to {MOST_POWER}")


class Response(Struct, frozen=True, gc=False):
    """The effect of a kind of batch and hyperparameters: progress per iteration, and the final
    share held down."""

    hyperparameters: Mapping[str, Any]
    batch_size: int
    gain: float
    held: float
    diverges: bool
    lost: float = 0.0


class SGDWeights(Struct, frozen=True, gc=False):
    """Progress in iterations at the best rate, and the share that the rate holds down.

    `response` is their last response. It is not computed again for the same arguments.
    """

    progress: float = 0.0
    held: float = 0.0
    diverged: bool = False
    response: Response | None = None
    lost: float = 0.0
    """The progress times the share that its rate loses."""


KNOWN = ("lr", "momentum", "batch_size")
"""The hyperparameters to which the curve responds. The batch size is in a trial's kind."""

FRESH = SGDWeights()
DIVERGED = SGDWeights(diverged=True)


class SGDCurve(Struct, frozen=True):
    """SGD with momentum, fitted to recordings of ResNet-18 on CIFAR-10.

    The constants are fitted to three quarters of the recordings (docs/learning.md). Best accuracy,
    chance and divergence are assumed.

    Raises ValueError for a constant that no learning curve can have.
    """

    metric: ClassVar[str] = "accuracy"
    known_hyperparameters: ClassVar[Collection[str]] = KNOWN

    best_accuracy: float = 0.93
    chance: float = 0.1
    scale: float = 46.03
    power: float = 0.2271
    best: float = -2.799
    width_below: float = 2.617
    width_above: float = 1.445
    batch_rate: float = 0.8607
    batch_gain: float = 0.727
    most_held: float = 0.1332
    held_at: float = -2.385
    held_over: float = 0.2
    settling: float = 2.0
    most_lost: float = 0.0
    lost_at: float = -3.0
    lost_over: float = 1.0
    divergence: float = 3.0
    noise: float = 0.029

    def __post_init__(self) -> None:
        for name in ("scale", "power", "settling"):
            if (value := getattr(self, name)) <= 0:
                raise ValueError(f"{name} is {value}: expected more than 0")
        for name in ("width_below", "width_above", "held_over", "lost_over"):
            if (value := getattr(self, name)) < LEAST_WIDTH:
                raise ValueError(f"{name} is {value}: expected at least {LEAST_WIDTH:g}")
        if self.noise < 0:
            raise ValueError(f"noise is {self.noise}: expected at least 0")
        check_powers(self)
        if not 0 <= self.chance <= self.best_accuracy <= 1:
            raise ValueError(
                f"chance is {self.chance} and best_accuracy {self.best_accuracy}: expected 0 to 1, in this order"
            )
        for name in ("most_held", "most_lost"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ValueError(f"{name} is {value}: expected 0 to 1")

    def score_noise(self) -> float:
        """The standard deviation of an accuracy about its mean."""
        return self.noise

    def assumed(self, kinds: Collection[TrialKind]) -> Iterator[str]:
        """With the constants of ResNet-18: that other networks learn alike, and so do batch sizes
        beyond the recorded ones. With other constants: that all networks have the same curve."""
        networks = networks_of(kinds)
        if not self._is_as_shipped:
            yield from one_curve_of_all(networks)
            return
        if others := [network for network in networks if network != FITTED_TO]:
            yield f"ResNet-18's curve on CIFAR-10, not fitted to {named(others)}"
        if FITTED_TO in networks:
            yield from _beyond_batches(kind for kind in kinds if (kind.model, kind.dataset) == FITTED_TO)

    @property
    def _is_as_shipped(self) -> bool:
        fitted = SGDCurve()
        return (self.scale, self.power) == (fitted.scale, fitted.power)

    def beyond(self, kind: TrialKind, iterations: int) -> str | None:
        """What happens beyond the recorded iterations. None: `iterations` are within them, or the
        constants or the network are not those of the recordings."""
        if not self._was_recorded(kind) or iterations <= RECORDED.iterations:
            return None
        return f"the curve goes on as it was fitted beyond the {RECORDED.iterations} iterations that were recorded"

    def unlike_recorded(self, kind: TrialKind, train_images: int | None, augment: bool) -> Iterator[str]:
        """That the recordings are of more images, or not augmented. Nothing, if the constants or the
        network are not those of the recordings."""
        if not self._was_recorded(kind):
            return
        if train_images is not None and train_images < TRAIN_IMAGES:
            yield f"ResNet-18's curve on {TRAIN_IMAGES} training images, not fitted to {train_images}"
        if augment:
            yield "ResNet-18's curve without augmentation, not fitted to real.augment"

    def recorded_values(self, kind: TrialKind) -> Mapping[str, Collection[float]]:
        """The least and the greatest recorded value of each hyperparameter of SGD. Empty: the
        constants or the network are not those of the recordings."""
        return {name: getattr(RECORDED, name) for name in OF_SGD} if self._was_recorded(kind) else {}

    def _was_recorded(self, kind: TrialKind) -> bool:
        return self._is_as_shipped and (kind.model, kind.dataset) == FITTED_TO

    def fresh(self, kind: TrialKind) -> SGDWeights:
        return FRESH

    def train(
        self, weights: SGDWeights, kind: TrialKind, hyperparameters: Mapping[str, Any], iterations: int
    ) -> SGDWeights:
        response = weights.response
        if (
            response is None
            or response.hyperparameters is not hyperparameters
            or response.batch_size != kind.batch_size
        ):
            response = self._respond(hyperparameters, kind.batch_size)
        if response.diverges or weights.diverged:
            return DIVERGED
        held = response.held
        settled = exp(-iterations / self.settling)
        gained = response.gain * iterations
        lost = weights.lost + response.lost * gained
        return SGDWeights(weights.progress + gained, held + (weights.held - held) * settled, False, response, lost)

    def accuracy(self, weights: SGDWeights) -> float:
        """The accuracy in 0..1, without noise."""
        learned = 1 - pow(1 + weights.progress / self.scale, -self.power)
        kept = 1 - weights.lost / weights.progress if weights.lost else 1.0
        return self.chance + (self.best_accuracy - self.chance) * learned * (1 - weights.held) * kept

    def score(self, weights: SGDWeights, normal: float) -> float:
        score = self.accuracy(weights) + self.noise * normal
        return 0.0 if score < 0 else 1.0 if score > 1 else score

    def _respond(self, hyperparameters: Mapping[str, Any], batch_size: int) -> Response:
        lr, momentum = hyperparameters["lr"], hyperparameters.get("momentum", 0.0)
        if momentum >= 1 or lr < 0:
            return Response(hyperparameters, batch_size, 0.0, 0.0, True)
        if lr == 0:
            return Response(hyperparameters, batch_size, 0.0, 0.0, False)
        batches = log(batch_size / REFERENCE_BATCH)
        u = log(lr / (1 - momentum)) - self.batch_rate * batches
        off = u - self.best
        width = self.width_below if off < 0 else self.width_above
        gain = exp(self.batch_gain * batches - 0.5 * (off / width) ** 2)
        exponent = (self.held_at - u) / self.held_over
        held = self.most_held / (1 + exp(exponent)) if exponent < 700 else 0.0
        return Response(hyperparameters, batch_size, gain, held, u > self.divergence, self._lost(u))

    def _lost(self, u: float) -> float:
        exponent = (u - self.lost_at) / self.lost_over
        return self.most_lost / (1 + exp(exponent)) if self.most_lost and exponent < 700 else 0.0


def _beyond_batches(kinds: Iterable[TrialKind]) -> Iterator[str]:
    """Which of these trials of `FITTED_TO` have smaller or larger batches than all recordings. The
    formulae interpolate between the recorded batch sizes."""
    least, greatest = RECORDED.batches
    if beyond := [str(kind) for kind in dict.fromkeys(kinds) if not least <= kind.batch_size <= greatest]:
        sizes = f"the recorded batch sizes, {least} to {greatest}"
        yield f"the curve goes on as it was fitted beyond {sizes}, for {'; '.join(beyond)}"
