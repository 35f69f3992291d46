"""The progress of a trial's segment, and the seconds of its parts, from what Tune reports."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hetsched.core.events import Parts
from hetsched.core.trial import Segment


@dataclass
class Progress:
    """A running segment. Iterations are Tune's `training_iteration`. Times are seconds of the run.

    - `before`: the iterations of the state with which the segment began
    - `restores`: whether the segment began with a restore
    - `ready_at`: when the actor was ready. None: the trial goes on in its actor.
    - `fresh`: whether the actor was started for this segment
    - `steps`: the seconds of each report
    - `first_at`, `last_at`: when the first and the last report came
    """

    segment: Segment
    before: int
    restores: bool
    ready_at: float | None = None
    fresh: bool = False
    steps: list[float] = field(default_factory=list)
    first_at: float = 0.0
    last_at: float = 0.0
    iteration: int = 0

    @property
    def target(self) -> int:
        """The `training_iteration` at which the segment is done."""
        return self.before + self.segment.iterations

    @property
    def done(self) -> int:
        """The number of iterations that were trained."""
        return max(0, self.iteration - self.before)

    def report(self, now: float, iteration: int, seconds: float) -> None:
        """Add a report of the trial. Its seconds are those of a clock that may be put back."""
        if not self.steps:
            self.first_at = now
        self.steps.append(max(0.0, seconds))
        self.last_at, self.iteration = now, iteration

    def train_steps(self, *, in_steps: bool) -> list[float]:
        """The seconds of the steps in which nothing was set up."""
        return self.steps[1:] if in_steps and self.ready_at is not None and len(self.steps) > 1 else self.steps

    def parts(self, now: float, *, in_steps: bool) -> Parts:
        """The seconds of each part of a segment that was saved at `now`.

        `in_steps`: the training sets itself up, and restores itself, within its first step, as
        functions do. Then the seconds by which the first step is longer than the others count as
        start-up or restore.
        """
        start_up_s = restore_s = 0.0
        extra_s = _extra(self.steps) if in_steps and self.ready_at is not None else 0.0
        if self.ready_at is not None and self.steps:
            start_up_s = self.ready_at - self.segment.time if self.fresh else 0.0
            restore_s = max(0.0, self.first_at - self.steps[0] - self.ready_at) if self.restores else 0.0
            if self.restores:
                restore_s += extra_s
            else:
                start_up_s += extra_s
        train_s = sum(self.steps) - extra_s
        checkpoint_s = max(0.0, now - self.last_at)
        known_s = start_up_s + restore_s + train_s + checkpoint_s
        return Parts(
            start_up_s=start_up_s,
            restore_s=restore_s,
            train_s=train_s,
            evaluate_s=0.0,  # within its steps
            checkpoint_s=checkpoint_s,
            dispatch_s=max(0.0, now - self.segment.time - known_s),
        )


def _extra(steps: Sequence[float]) -> float:
    """The seconds by which the first step was longer than the mean of the others.

    >>> _extra([3.0, 1.0, 1.0]), _extra([1.0, 2.0]), _extra([3.0])
    (2.0, 0.0, 0.0)
    """
    others = steps[1:]
    return max(0.0, steps[0] - sum(others) / len(others)) if others else 0.0
