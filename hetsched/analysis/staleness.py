"""How far behind the most advanced trial of its population a trial is."""


class Lag:
    """Staleness: how many perturbation intervals an unfinished trial is behind the most advanced trial of its
    population, the mean over trials and time. Waiting trials count, and the most advanced trial may be completed.

    Two trials with an interval of 10: for 5 s they are level, then one of them is an interval ahead for 5 s.

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
        """Intervals behind, integrated over the seconds of all trials, of which there were `trial_s`."""
        return self._behind / self._interval

    def add(self, time: float) -> None:
        """A trial without iterations joins."""
        self.pass_time(time)
        self._trials += 1

    def advance(self, time: float, iterations: int, lead: int) -> None:
        """A trial did so many iterations more (lost so many, if negative); the most advanced one has `lead` now."""
        self.pass_time(time)
        self._done += iterations
        self._lead = lead

    def complete(self, time: float, iterations: int) -> None:
        """A trial with so many iterations needs no more."""
        self.pass_time(time)
        self._trials -= 1
        self._done -= iterations

    def pass_time(self, time: float) -> None:
        seconds = time - self._since
        self._since = time
        self._behind += seconds * (self._trials * self._lead - self._done)
        self.trial_s += seconds * self._trials
