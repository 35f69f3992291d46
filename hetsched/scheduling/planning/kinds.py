"""Kinds of trial: the seconds of their iterations and segments on every worker, and the plan's
figures for them."""

from math import inf

from msgspec import Struct


class Kind(Struct):
    """Trials that take equally long on every worker.

    `interval` is the iterations of a whole segment. `gang` is how many workers a trial takes at
    once. By worker, in seconds: `step` per iteration (infinite where a trial cannot run), `fixed`
    of evaluation and checkpoint, which every segment has, and `restore` and `start_up`, which may
    come before.

    The plan sets the other fields:

    - `pace`: the seconds of an iteration on the planned mix of workers
    - `price`: by how many seconds an iteration puts off the end of the run
    - `loss`: by type of worker, the share of its worth that an iteration loses there
    - `planned`: by type of worker, the planned seconds of its workers
    - `slow_s`: a worker is slow if a whole segment takes more than these seconds there
    - `gate`: no segment may end after this moment, in seconds since the start of the run
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
    slow_s: float = inf
    gate: float = inf
    best: float = inf
    """Seconds per iteration on the fastest type of worker, in whole segments."""
    whole: list[float] = []
    """By worker, the seconds of a whole segment, evaluation and checkpoint included."""

    quickest: float = inf
    """Seconds per iteration on the fastest worker, evaluation and checkpoint included. No
    iteration takes less on average, however the segments are cut."""

    per_iteration: list[float] = []
    """By worker, the seconds per iteration in whole segments, evaluation and checkpoint
    included."""

    def __post_init__(self) -> None:
        on_each = list(zip(self.step, self.fixed, strict=True))
        self.whole = [self.interval * step + fixed for step, fixed in on_each]
        self.per_iteration = [step + fixed / self.interval for step, fixed in on_each]
        self.quickest = min(self.per_iteration, default=inf)

    def fewest(self, worker: int) -> int:
        """The fewest iterations whose training is worth a segment's costs."""
        return max(1, int(WORTHWHILE * self.fixed[worker] / self.step[worker]) + 1)


WORTHWHILE = 3.0
"""A segment is not cut so short that its training takes less than this many times its costs."""
