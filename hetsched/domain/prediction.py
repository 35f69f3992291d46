"""What was predicted of a run before it began."""

from msgspec import Struct


class Prediction(Struct, frozen=True):
    """The makespan of a strategy in seconds: the mean over simulations with measured step times.

    95% of single runs end within `interval_s`, if they vary as the simulations do; None where these were all alike, or
    there was one. What the measured step times are off by comes on top.
    """

    strategy: str
    makespan_s: float
    interval_s: tuple[float, float] | None = None
