"""The metric of an experiment: the number that ranks its trials, and the direction that is better.

A score is a value of the metric, in the metric's unit and direction. None: not a number, or not
known. None is worse than any score, in both directions.
"""

from collections.abc import Iterable
from math import inf, isfinite
from numbers import Real
from typing import Literal

from msgspec import Struct

Mode = Literal["max", "min"]
"""Whether the greater or the smaller score is better."""


METRIC_NAME = r"^[A-Za-z0-9][A-Za-z0-9 @%+/._-]*$"
"""The pattern of names of metrics: a name becomes the heading of a table."""


ACCURACY = "accuracy"
"""The name of the metric that is a share of right answers."""

SLACK = 1e-6
"""How far rounding may take a share beyond 0 and 1."""

NOISY = 0.5
"""How far noise may take a simulated share beyond 0 and 1."""


class Metric(Struct, frozen=True):
    """A number that evaluations report under `name`."""

    name: str = ACCURACY
    mode: Mode = "max"

    def rank(self, score: float | None) -> float:
        """The key to sort by: greater is better. None is minus infinity."""
        if score is None:
            return -inf
        return score if self.mode == "max" else -score

    def beyond(self, score: float | None, slack: float = SLACK) -> str | None:
        """What is wrong with a score that the metric cannot have. None: nothing. An accuracy is a
        share, from 0 to 1. `slack` is how far beyond it may be."""
        if self.name != ACCURACY or score is None or not isfinite(score) or -slack <= score <= 1 + slack:
            return None
        return f"{self.name} {score:g}: expected 0 to 1: divide percent by 100, or give the metric another name"

    @property
    def worst(self) -> float:
        """The number that replaces an unknown score where numbers are compared."""
        return -inf if self.mode == "max" else inf

    def better(self, score: float | None, other: float | None) -> bool:
        """Whether `score` is better than `other`. Of equal scores neither is better."""
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
    """The metric, if all are the same, so that scores can be compared. Otherwise None.

    >>> shared([Metric("loss", "min"), Metric("accuracy")])
    """
    different = set(metrics)
    return different.pop() if len(different) == 1 else None


DEFAULT = Metric()
"""The metric of an experiment that names none. The built-in networks are trained for it."""


MOST_SCORE = 1e150
"""The limit of scores and losses. The square of one does not overflow."""


def finite(value: Real | float) -> float | None:
    """The value as a score: None if it is not finite, or beyond `MOST_SCORE`.

    >>> finite(3), finite(float("nan")), finite(10**400), finite(1e308)
    (3.0, None, None, None)
    """
    score = as_float(value)
    return score if score is not None and abs(score) <= MOST_SCORE else None


def as_float(value: Real | float) -> float | None:
    """The value as a finite float. None: there is none."""
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if isfinite(found) else None
