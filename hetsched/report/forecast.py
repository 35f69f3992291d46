"""How long a real run still takes."""

from typing import NamedTuple


class Forecast(NamedTuple):
    """The seconds that a run still takes if it goes on as before, and its seconds in all. `ratio`
    is the seconds in all divided by a bound (None: no bound is known)."""

    left_s: float
    total_s: float
    ratio: float | None

    @classmethod
    def of(cls, elapsed_s: float, start_up_s: float, done: int, total: int, bound_s: float | None) -> "Forecast | None":
        """The forecast after `done` of `total` iterations, at the pace since start-up. None: no
        iteration is done yet.

        >>> Forecast.of(elapsed_s=60.0, start_up_s=10.0, done=100, total=400, bound_s=100.0)
        Forecast(left_s=150.0, total_s=210.0, ratio=2.1)
        """
        if not done:
            return None
        total_s = start_up_s + (elapsed_s - start_up_s) * total / done
        return cls(total_s - elapsed_s, total_s, total_s / bound_s if bound_s else None)
