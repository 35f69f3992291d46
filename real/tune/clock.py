"""The clock of a run."""

import time
from collections.abc import Callable


class Clock:
    """Seconds of the run. `before` are the seconds of earlier drivers.

    The time changes only at a `tick`, so that everything that the driver records at once has one
    time. `read` returns seconds. `sleep` waits for a number of seconds.
    """

    def __init__(
        self,
        before: float = 0.0,
        read: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.sleep = sleep
        self._before = self._now = before
        self._read = read
        self._zero: float | None = None

    def start(self) -> None:
        self._zero = self._read()

    @property
    def started(self) -> bool:
        return self._zero is not None

    def stopwatch(self) -> Callable[[], float]:
        """The seconds of the run as they pass, for another thread than the driver's. The clock has
        started."""
        zero, before, read = self._zero, self._before, self._read
        assert zero is not None
        return lambda: before + read() - zero

    def tick(self) -> float:
        """Read the time. Returns it; `now` returns the same until the next tick."""
        if self._zero is not None:
            self._now = self._before + self._read() - self._zero
        return self._now

    def now(self) -> float:
        return self._now
