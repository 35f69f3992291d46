"""A law of learning curves that depends on schedules: the Multi-Power Law, adapted to trials of
PBT.

The law (Luo et al., "A Multi-Power Law for Loss Curve Prediction Across Learning Rate Schedules",
ICLR 2025, arXiv 2503.12811) has a loss after t steps of the rates r_1 .. r_t as

    L(t) = L0 + A (S1(t) + SW)^-alpha - LD(t),    S1(t) = r_1 + .. + r_t,
    LD(t) = B sum over k of (r_{k-1} - r_k) G(r_k^-gamma S_k(t)),    S_k(t) = r_k + .. + r_t,
    G(x) = 1 - (C x + 1)^-beta:

It is a power law in the sum of rates, less what lower rates release over time. These points are
adapted:

- Rates are constant except for a few jumps, so the sum over k has one term per jump.
- A rate is the effective one of SGD with momentum, lr / (1 - momentum), times (batch /
  32)^-`batch_rate`. A step with it counts (batch / 32)^`batch_gain` times in S.
- L0 belongs to one first rate r_1. Trials begin with many first rates, so L0 + B r_1 takes its
  place: the first rate holds down what lowering it to zero would release in the end.
- SW is not a warm-up, but the constant with which the law begins at the score of an untrained
  trial: `scale`.
- A score is `limit` + (`start` - `limit`) x the law's share. The share is from 0 to 1: no trial is
  worse than untrained, and none is beyond the limit. The law itself goes below 0 where a rate falls
  several times, because every fall releases its part anew.
"""

from collections.abc import Collection, Iterator, Mapping
from math import pow
from typing import Any, ClassVar

from msgspec import Struct

from hetsched.domain.metric import DEFAULT, Metric
from hetsched.domain.workload import TrialKind
from sim.learning.networks import named, networks_of, one_curve_of_all
from sim.learning.sgd import KNOWN, REFERENCE_BATCH, check_powers
from sim.learning.spread import assumed_spread, spread_of


class Jump(Struct, frozen=True, gc=False):
    """A change of the rate: by how much it fell, rate^-gamma after it, and S1 at the time."""

    fell: float
    slowness: float
    at: float


class RateHistory(Struct, frozen=True):
    """S1, the first rate (None: untrained), the last one, and the jumps between them."""

    summed: float = 0.0
    first: float | None = None
    rate: float = 0.0
    jumps: tuple[Jump, ...] = ()
    diverged: bool = False


FRESH = RateHistory()


class MultiPowerLaw(Struct, frozen=True):
    """Scores of the `metric` under SGD with momentum. alpha is `power`, B `drop`, C `drop_scale`,
    beta `drop_power`, gamma `drop_rate`. The defaults are fitted to nothing: `hetsched fit` has
    constants for your recordings.

    The constants do not say how far recordings go, so the law has no limits to name.

    `noise` is in the metric's unit. By default it is 0.02 of an accuracy, and 0 of another metric.

    Raises ValueError for a constant that no learning curve can have.
    """

    known_hyperparameters: ClassVar[Collection[str]] = KNOWN

    metric: str = DEFAULT.name
    start: float = 0.1
    limit: float = 0.9
    scale: float = 5.0
    power: float = 0.5
    batch_rate: float = 0.5
    batch_gain: float = 0.5
    drop: float = 0.1
    drop_scale: float = 1.0
    drop_power: float = 0.5
    drop_rate: float = 0.5
    noise: float | None = None

    def __post_init__(self) -> None:
        for name in ("scale", "power", "drop_scale", "drop_power"):
            if (value := getattr(self, name)) <= 0:
                raise ValueError(f"{name} is {value}: expected more than 0")
        for name in ("drop", "drop_rate"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name} is {value}: expected at least 0")
        self.score_noise()
        check_powers(self)
        for name in ("start", "limit") if self.metric == DEFAULT.name else ():
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ValueError(f"{name} is {value}: expected an accuracy, from 0 to 1")

    def score_noise(self) -> float:
        """The standard deviation of a score about its mean. Raises ValueError if it is below 0."""
        return spread_of(self.noise, self.metric)

    def refuses(self, metric: Metric) -> str | None:
        """Why it cannot simulate the metric: training would make the score worse. None: it can."""
        if not metric.better(self.start, self.limit):
            return None
        return (
            f"training takes the {metric.name} from options.start = {self.start:g} to options.limit = "
            f"{self.limit:g}, which is worse by metric.mode {metric.mode!r}: set both in [learning]: the score of an "
            "untrained trial, and the best one that a trial can reach; 'hetsched fit' finds them from recordings"
        )

    def assumed(self, kinds: Collection[TrialKind]) -> Iterator[str]:
        """With the default constants: that trials learn by them, which are of no recordings. With
        other constants: that all networks have the same curve. Also what is assumed of the noise."""
        networks = networks_of(kinds)
        default = MultiPowerLaw()
        if (self.scale, self.power) != (default.scale, default.power):
            yield from one_curve_of_all(networks)
        elif networks:
            span = f"from {self.start:g} to {self.limit:g}"
            yield f"a curve {span} with the default constants of multi-power, not fitted to {named(networks)}"
        yield from assumed_spread(self.noise, self.metric, self.limit if self.limit < self.start else None)

    def fresh(self, kind: TrialKind) -> RateHistory:
        return FRESH

    def train(
        self, weights: RateHistory, kind: TrialKind, hyperparameters: Mapping[str, Any], iterations: int
    ) -> RateHistory:
        momentum = hyperparameters.get("momentum", 0.0)
        if weights.diverged or momentum >= 1 or hyperparameters["lr"] < 0:
            return RateHistory(diverged=True)
        batches = kind.batch_size / REFERENCE_BATCH
        rate = hyperparameters["lr"] / (1 - momentum) * batches**-self.batch_rate
        jumps = weights.jumps
        if weights.first is not None and rate != weights.rate:
            slowness = rate**-self.drop_rate if rate else 0.0
            jumps = (*jumps, Jump(weights.rate - rate, slowness, weights.summed))
        first = rate if weights.first is None else weights.first
        return RateHistory(weights.summed + rate * batches**self.batch_gain * iterations, first, rate, jumps)

    def expected(self, weights: RateHistory) -> float:
        """The score without noise."""
        if weights.diverged or weights.first is None:
            return self.start
        let_out = sum(jump.fell * self._let_out(jump, weights.summed) for jump in weights.jumps)
        share = pow(1 + weights.summed / self.scale, -self.power) + self.drop * (weights.first - let_out)
        return self.limit + (self.start - self.limit) * max(0.0, min(1.0, share))

    def score(self, weights: RateHistory, normal: float) -> float:
        score = self.expected(weights) + self.score_noise() * normal
        return min(1.0, max(0.0, score)) if self.metric == DEFAULT.name else score

    def _let_out(self, jump: Jump, summed: float) -> float:
        """G of the jump: the share of its difference that has had its effect."""
        return 1 - pow(self.drop_scale * jump.slowness * (summed - jump.at) + 1, -self.drop_power)
