"""How long something may take, by a clock on the wall."""

import time

from hetsched.errors import InputError


class Budget:
    """So many seconds from now on; None is for ever. Raises InputError for what is no time."""

    def __init__(self, seconds: float | None) -> None:
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if seconds is not None and not (number and 0 < seconds < float("inf")):
            raise InputError(f"budget_s: expected seconds, more than 0, got {seconds!r}")
        self._began, self._seconds = time.monotonic(), seconds

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self._began

    def left_s(self, share: float = 1.0) -> float | None:
        """What is left of this share of it, never below 0; None without an end."""
        return None if self._seconds is None else max(0.0, share * self._seconds - self.spent_s)

    def is_over(self, share: float = 1.0) -> bool:
        """Whether this share of it is spent."""
        return self.left_s(share) == 0.0

    def __str__(self) -> str:
        return f"the budget of {self._seconds:g} s" if self._seconds is not None else "no budget"
