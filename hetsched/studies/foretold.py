"""A prediction beside what was measured."""

from collections.abc import Sequence
from statistics import fmean

from msgspec import Struct

from hetsched.domain.prediction import Prediction


class Foretold(Struct, frozen=True):
    """The predicted makespan of runs, and the measured ones, in seconds.

    `error_percent` is 100 x (predicted - measured) / measured, by the mean of the runs. None: that
    mean is 0.
    """

    prediction: Prediction
    measured_s: list[float]
    error_percent: float | None

    @classmethod
    def of(cls, prediction: Prediction, measured_s: Sequence[float]) -> "Foretold":
        measured = fmean(measured_s)
        error = 100 * (prediction.makespan_s - measured) / measured if measured else None
        return cls(prediction, list(measured_s), error)

    @property
    def within(self) -> int | None:
        """How many of the runs ended within the predicted interval. None: there is no interval."""
        if self.prediction.interval_s is None:
            return None
        low, high = self.prediction.interval_s
        return sum(low <= seconds <= high for seconds in self.measured_s)
