"""Kinds of trial: what their iterations and segments cost on every worker, and what the plan makes of them."""

from math import inf

from msgspec import Struct


class Kind(Struct):
    """Trials that take as long as each other on every worker.

    `interval` is the iterations of a whole segment, `gang` how many workers a trial takes at once. By worker: `step`
    are seconds per iteration (infinite where a trial cannot run), `fixed` the seconds of evaluation and checkpoint that
    every segment costs, `restore` and `start_up` the seconds of what may come before.

    The plan sets the others: `pace` are the seconds that an iteration takes on the planned mix of workers, `price` the
    seconds by which an iteration puts off the end of the run, and by type of worker, `loss`, what part of its worth
    an iteration loses there, and the `planned` seconds of its workers.
    """

    interval: int
    gang: int
    step: list[float]
    fixed: list[float]
    restore: list[float]
    start_up: list[float]
    pace: float = 1.0
    price: float = 0.0
    loss: list[float] = []
    planned: list[float] = []
    best: float = inf
    """Seconds per iteration on the fastest worker, in whole segments."""

    def whole(self, worker: int) -> float:
        """Seconds of a whole segment, evaluation and checkpoint included."""
        return self.interval * self.step[worker] + self.fixed[worker]

    def per_iteration(self, worker: int) -> float:
        """Seconds per iteration in whole segments, evaluation and checkpoint included."""
        return self.step[worker] + self.fixed[worker] / self.interval

    def fewest(self, worker: int) -> int:
        """The fewest iterations whose training is worth a segment's costs."""
        return max(1, int(WORTHWHILE * self.fixed[worker] / self.step[worker]) + 1)


WORTHWHILE = 3.0
"""A segment is not cut so short that it trains for less than so many times its costs."""
