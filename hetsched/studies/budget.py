"""A budget of time, by the clock of the machine."""

import time

from hetsched.errors import InputError


class Budget:
    """So many seconds from now on (None: no end). Raises InputError for a value that is no time."""

    def __init__(self, seconds: float | None) -> None:
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if seconds is not None and not (number and 0 < seconds < float("inf")):
            raise InputError(f"budget_s: expected seconds, more than 0, got {seconds!r}")
        self._began, self._seconds = time.monotonic(), seconds

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self._began

    def left_s(self, share: float = 1.0) -> float | None:
        """The seconds that are left of this share of the budget, at least 0. None: it has no
        end."""
        return None if self._seconds is None else max(0.0, share * self._seconds - self.spent_s)

    def is_over(self, share: float = 1.0) -> bool:
        """Whether this share of the budget is spent."""
        return self.left_s(share) == 0.0

    def __str__(self) -> str:
        return f"the budget of {self._seconds:g} s" if self._seconds is not None else "no budget"
