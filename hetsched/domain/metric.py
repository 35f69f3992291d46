"""The metric of an experiment: what its trials are ranked by, and which way is better.

A score is a value of the metric, in its own unit and direction; None: not a number, or not known. None is worse than
any score, in both directions.
"""

from collections.abc import Iterable
from math import inf, isfinite
from numbers import Real
from typing import Literal

from msgspec import Struct

Mode = Literal["max", "min"]
"""Whether the larger or the smaller score is the better one."""


METRIC_NAME = r"^[A-Za-z0-9][A-Za-z0-9 @%+/._-]*$"
"""What a metric of a scenario may be called: its name is a heading of tables."""


class Metric(Struct, frozen=True):
    """A number that evaluations report under `name`."""

    name: str = "accuracy"
    mode: Mode = "max"

    def rank(self, score: float | None) -> float:
        """What to sort by: the larger, the better; None is minus infinity."""
        if score is None:
            return -inf
        return score if self.mode == "max" else -score

    @property
    def worst(self) -> float:
        """The value of an unknown score where numbers are compared."""
        return -inf if self.mode == "max" else inf

    def better(self, score: float | None, other: float | None) -> bool:
        """Whether `score` is better than `other`; of equals neither is."""
        if score is None or other is None:
            return score is not None
        return score > other if self.mode == "max" else score < other

    def best(self, scores: Iterable[float | None]) -> float | None:
        """The best of the scores; None if none of them is known.

        >>> Metric("loss", "min").best([0.5, None, 0.25])
        0.25
        """
        return max(scores, key=self.rank, default=None)

    def reached(self, score: float | None, target: float) -> bool:
        """Whether the score is as good as the target, or better."""
        return score is not None and (score >= target if self.mode == "max" else score <= target)

    def rule(self, target: float) -> str:
        """What `reached` asks for, in words.

        >>> Metric("loss", "min").rule(0.25)
        'loss <= 0.25'
        """
        return f"{self.name} {'>=' if self.mode == 'max' else '<='} {target:g}"


def shared(metrics: Iterable[Metric]) -> Metric | None:
    """The metric, if it is the same everywhere, so that scores can be compared; else None.

    >>> shared([Metric("loss", "min"), Metric("accuracy")])
    """
    different = set(metrics)
    return different.pop() if len(different) == 1 else None


DEFAULT = Metric()
"""The metric of an experiment that names none: what the built-in networks are trained for."""


def finite(value: Real | float) -> float | None:
    """The value as a score: None if it is not finite.

    >>> finite(3), finite(float("nan")), finite(10**400)
    (3.0, None, None)
    """
    try:
        score = float(value)
    except OverflowError:
        return None
    return score if isfinite(score) else None
