"""How far a trial is behind the most advanced trial of its population."""


class Lag:
    """Staleness: how many perturbation intervals an unfinished trial is behind the most advanced
    trial of its population, the mean over trials and time. Waiting trials count, and the most
    advanced trial may be completed.

    Two trials with an interval of 10: for 5 s they are level, then one of them is an interval ahead
    for 5 s.

    >>> lag = Lag(interval=10)
    >>> lag.add(0.0); lag.add(0.0)
    >>> lag.advance(5.0, 10, lead=10); lag.advance(10.0, 10, lead=10)
    >>> lag.behind_s / lag.trial_s
    0.25
    """

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._trials = 0
        self._done = 0
        self._lead = 0
        self._since = 0.0
        self._behind = 0.0
        self.trial_s = 0.0

    @property
    def behind_s(self) -> float:
        """The sum over all trials of intervals behind times seconds. The seconds of all trials are
        `trial_s`."""
        return self._behind / self._interval

    def add(self, time: float) -> None:
        """Add a trial without iterations."""
        self.pass_time(time)
        self._trials += 1

    def advance(self, time: float, iterations: int, lead: int) -> None:
        """Note that a trial did `iterations` more iterations. If negative, it lost them. The most
        advanced trial has `lead` now."""
        self.pass_time(time)
        self._done += iterations
        self._lead = lead

    def complete(self, time: float, iterations: int) -> None:
        """Note that a trial with that many iterations is complete."""
        self.pass_time(time)
        self._trials -= 1
        self._done -= iterations

    def pass_time(self, time: float) -> None:
        seconds = time - self._since
        self._since = time
        self._behind += seconds * (self._trials * self._lead - self._done)
        self.trial_s += seconds * self._trials
