"""How much runs trained, compared with other runs. Less work takes less time."""

from collections.abc import Collection
from statistics import fmean
from typing import NamedTuple

from hetsched.analysis.metrics import Metrics

SIMILAR_WORK = 0.02
"""The share by which the work of two strategies may differ without a note: PBT differs between
them."""


class Share(NamedTuple):
    """The work of runs, divided by the work of other runs. `of` is the unit."""

    value: float
    of: str

    def __str__(self) -> str:
        return f"{self.value:.0%} of the {self.of}"

    @property
    def differs(self) -> bool:
        """Whether the work is clearly other."""
        return abs(self.value - 1) > SIMILAR_WORK

    @property
    def is_less(self) -> bool:
        """Whether the work is clearly less."""
        return self.value < 1 - SIMILAR_WORK


class Work(NamedTuple):
    """The mean work of runs. Samples are iterations, each times its batch size."""

    iterations: float
    samples: float

    @classmethod
    def of(cls, runs: Collection[Metrics]) -> "Work":
        return cls(fmean(run.iterations for run in runs), fmean(run.samples for run in runs))

    def share_of(self, other: "Work") -> Share:
        """The share of the iterations. If PBT has changed batch sizes so that the share of the samples
        is clearly another one, the share of the samples.

        >>> str(Work(100.0, 800.0).share_of(Work(100.0, 1000.0)))
        '80% of the samples'
        >>> str(Work(90.0, 900.0).share_of(Work(100.0, 1000.0)))
        '90% of the iterations'
        """
        iterations, samples = self.iterations / other.iterations, self.samples / other.samples
        if abs(samples / iterations - 1) > SIMILAR_WORK:
            return Share(samples, "samples")
        return Share(iterations, "iterations")
