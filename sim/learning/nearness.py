"""Finds the recording with the nearest hyperparameters."""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from math import hypot, log
from typing import Any

from hetsched.domain.hyperparameters import by_logarithm
from hetsched.domain.rounding import is_same, level
from hetsched.domain.workload import BATCH_SIZE, TrialKind
from sim.learning.recordings import Recording

ALIKE = 1e-6
"""Recorded rates whose ln differ by at most this are no range by which others could be weighed."""

ZERO_IF_MISSING = ("momentum", "weight_decay")
"""The hyperparameters of SGD that are 0 for a trial that lacks them."""


class Nearness:
    """Distances between hyperparameters, by what was recorded.

    - SGD: the difference of ln of the effective rate, lr / (1 - momentum)
    - batch size: the difference of ln, with the same weight
    - other numbers: their difference as a share of the recorded range, linear or in ln
      (`hetsched.domain.hyperparameters.by_logarithm`), times the recorded range of ln of the rate
      (1 without rates)
    - values that are no numbers: that whole range, if they differ

    The distance is the root of the sum of the squares. A momentum without a rate is one of the
    other numbers. So is the weight decay. Each of the two counts if its recorded values differ. A
    trial that lacks it has 0.

    Recorded values of one hyperparameter that differ only by rounding are equal. So are distances:
    of the recordings that are equally near, one with the very values is the nearest, or else the
    first one.
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._by_rate = all(recording.evaluations[-1].lr is not None for recording in recordings)
        self._last = _levelled([recording.evaluations[-1].hyperparameters for recording in recordings])
        self._batches = [recording.kind.batch_size for recording in recordings]
        self._of_sgd = ("lr", "momentum") if self._by_rate else ()
        names = [key for key in dict.fromkeys(chain(*self._last)) if key not in self._of_sgd]
        self._others = [key for key in names if self._counts(key)]
        self._recorded = (*self._of_sgd, *names)
        self.known: Collection[str] = (*self._of_sgd, *filter(self._differs, self._others), BATCH_SIZE)
        """The hyperparameters whose values count. One with a single recorded value tells no recordings
        apart."""
        self._ranges = {key: self._range(key) for key in self._others}
        rates = [_ln_rate(each) for each in self._last] if self._by_rate else [0.0]
        self._whole = whole if (whole := max(rates) - min(rates)) > ALIKE else 1.0

    def values(self, numbers: Collection[int]) -> dict[str, list[Any]]:
        """The values of the hyperparameters in the recordings with these numbers, each once. A
        hyperparameter that tells no recordings apart has one. The batch size is left out."""
        there = [self._last[number] for number in numbers]
        zero = dict.fromkeys(ZERO_IF_MISSING, 0.0)
        found = {
            key: [(zero | each)[key] for each in there if key in each or key in zero]
            for key in self._recorded
            if key != BATCH_SIZE
        }
        return {key: [*{repr(value): value for value in values}.values()] for key, values in found.items() if values}

    def asked(self, hyperparameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """A hashable key: hyperparameters with equal keys have the same distances."""
        of_sgd = (hyperparameters.get("lr"), hyperparameters.get("momentum", 0.0)) if self._by_rate else ()
        return (*of_sgd, *(repr(hyperparameters.get(key)) for key in self._others))

    def nearest(self, numbers: Collection[int], kind: TrialKind, hyperparameters: Mapping[str, Any]) -> int:
        """The nearest of the recordings with these numbers. Raises KeyError if a recorded
        hyperparameter is missing."""
        distances = [self._distance(number, kind, hyperparameters) for number in numbers]
        alike = level([1 + distance / self._whole for distance in distances])
        least = min(alike)
        first, *others = [number for number, apart in zip(numbers, alike, strict=True) if apart == least]
        if not others:
            return first
        return next((one for one in (first, *others) if self._has_values(one, kind, hyperparameters)), first)

    def _has_values(self, number: int, kind: TrialKind, asked: Mapping[str, Any]) -> bool:
        """Whether the recording has the very hyperparameters that are asked."""
        there = self._last[number]
        return (
            kind.batch_size == self._batches[number]
            and all(is_same(asked.get(key, 0.0), there.get(key, 0.0)) for key in self._of_sgd)
            and all(is_same(_value(key, asked), there.get(key)) for key in self._others)
        )

    def _distance(self, number: int, kind: TrialKind, asked: Mapping[str, Any]) -> float:
        there = self._last[number]
        parts = [log(kind.batch_size) - log(self._batches[number])]
        if self._by_rate:
            parts.append(_ln_rate(asked) - _ln_rate(there))
        parts += [self._whole * self._apart(key, _value(key, asked), there.get(key)) for key in self._others]
        return hypot(*parts)

    def _apart(self, key: str, one: Any, other: Any) -> float:
        found = self._ranges[key]
        if is_same(one, other):
            return 0.0
        if found is None or not (_is_number(one) and _is_number(other)):
            return 1.0
        least, most = found
        if by_logarithm(least, most):
            return log(max(one, min(1e-12, least)) / other) / log(most / least)
        return float(one - other) / (most - least)

    def _counts(self, key: str) -> bool:
        """Whether a trial's value is compared with the recorded ones."""
        return key not in ZERO_IF_MISSING or self._differs(key)

    def _differs(self, key: str) -> bool:
        return len({repr(each.get(key)) for each in self._last}) > 1

    def _range(self, key: str) -> tuple[float, float] | None:
        """The least and the greatest recorded number. None: there is only one, or a value is no
        number."""
        values = [each.get(key) for each in self._last]
        numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(numbers) < len(values) or min(numbers) == max(numbers):
            return None
        return min(numbers), max(numbers)


def _levelled(recorded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The hyperparameters. Numbers of one name that differ only by rounding become equal."""
    found = [dict(each) for each in recorded]
    for key in dict.fromkeys(chain(*found)):
        numbers = [each for each in found if isinstance(each.get(key), float)]
        for each, value in zip(numbers, level([each[key] for each in numbers]), strict=True):
            each[key] = value
    return found


def _ln_rate(hyperparameters: Mapping[str, Any]) -> float:
    return log(max(hyperparameters["lr"], 1e-12) / max(1 - hyperparameters.get("momentum", 0.0), 1e-3))


def _value(key: str, hyperparameters: Mapping[str, Any]) -> Any:
    """The value of a hyperparameter. Raises KeyError if it is missing and not 0 then."""
    return hyperparameters.get(key, 0.0) if key in ZERO_IF_MISSING else hyperparameters[key]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
