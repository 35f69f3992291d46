"""What was predicted of a run before it began."""

from msgspec import Struct


class Prediction(Struct, frozen=True):
    """The makespan of a strategy in seconds: the mean over simulations with measured step times.

    95% of single runs end within `interval_s`, if they vary as the simulations do. None: the
    simulations were all alike, or there was only one. The error of the measured step times is not
    included.
    """

    strategy: str
    makespan_s: float
    interval_s: tuple[float, float] | None = None
