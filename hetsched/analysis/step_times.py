"""Whether real workers trained as fast as foretold: by their pace or, where they have none, by the profile."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil, floor, log10

from msgspec import Struct

from hetsched.core.events import Event, SegmentEnded
from hetsched.core.state import State
from hetsched.domain.cluster import Worker, WorkerType
from hetsched.domain.profiles import StepTimes

LATE = 0.05
"""A worker whose segment takes longer than its pace asks, by more than this fraction, cannot hold its pace."""

OFF = 0.10
"""Step times that differ from the profile's by more than this fraction are another machine's."""


class WorkerSteps(Struct, frozen=True):
    """The iterations that workers of one type trained, in mean seconds each.

    `least_s` and `most_s` are what was foretold. On a paced worker both are what its pace asks. Else they are what the
    profile says of a worker alone on its node, and among neighbours on all other cores. `late_s` are the seconds beyond
    the pace in all; `late_segments` of `segments` were late by more than 5%. `factor` is measured over foretold
    seconds, by the nearer end of what was foretold.
    """

    worker: str
    paced: bool
    least_s: float
    most_s: float
    measured_s: float
    segments: int
    late_segments: int
    late_s: float
    factor: float

    @property
    def remark(self) -> str | None:
        """What a reader has to know; None if steps took as long as foretold."""
        if self.paced and self.late_segments:
            return (
                f"{self.worker}: could not hold its pace in {self.late_segments} of {self.segments} segments, "
                f"{self.late_s:.1f} s late in all: {self.measured_s:.3g} s per iteration where {self.most_s:.3g} s are "
                f"asked ({self.factor - 1:+.0%})"
            )
        if not self.paced and abs(self.factor - 1) > OFF:
            return (
                f"{self.worker}: measured {self.factor:.2g} x the profile's step, {self.measured_s:.3g} s per iteration"
            )
        return None


def is_late(ended: SegmentEnded) -> bool:
    """Whether the segment took longer than the worker's pace asks by more than 5%."""
    return ended.late_s > LATE * (ended.parts.train_s - ended.late_s)


def worker_steps(logs: Iterable[Iterable[Event]], times: StepTimes) -> list[WorkerSteps]:
    """The steps in the logs of real runs by type of worker, in the order in which the types first ended a segment.

    A type without a pace of whose step time the profile says nothing is left out.
    """
    seen: defaultdict[WorkerType, list[_Segment]] = defaultdict(list)
    for events in logs:
        state = State()
        for event in events:
            if isinstance(event, SegmentEnded):
                worker = state.workers[event.worker]
                if (segment := _segment(event, state, worker, times)) is not None:
                    seen[worker.type].append(segment)
            state.apply(event)
    return [_steps(worker, segments) for worker, segments in seen.items()]


class _Segment(Struct, frozen=True):
    """A segment that ended, and the least and the most seconds of training that were foretold."""

    ended: SegmentEnded
    least_s: float
    most_s: float


def _segment(ended: SegmentEnded, state: State, worker: Worker, times: StepTimes) -> _Segment | None:
    """None if nothing was foretold."""
    if worker.pace is not None:
        asked_s = ended.parts.train_s - ended.late_s
        return _Segment(ended, asked_s, asked_s)
    kind = state.trials[ended.trial].kind
    seconds = times.seconds_per_iteration(kind, worker.type)
    if seconds is None:
        return None
    alone = all(other.node != worker.node for other in state.workers.values() if other.id != worker.id)
    sharing = 1.0 if alone else times.costs(kind, worker.type).sharing
    return _Segment(ended, ended.iterations * seconds, ended.iterations * seconds * sharing)


def _steps(worker: WorkerType, segments: Sequence[_Segment]) -> WorkerSteps:
    iterations = sum(segment.ended.iterations for segment in segments)
    least_s = sum(segment.least_s for segment in segments) / iterations
    most_s = sum(segment.most_s for segment in segments) / iterations
    measured_s = sum(segment.ended.parts.train_s for segment in segments) / iterations
    return WorkerSteps(
        worker=str(worker),
        paced=worker.pace is not None,
        least_s=least_s,
        most_s=most_s,
        measured_s=measured_s,
        segments=len(segments),
        late_segments=sum(is_late(segment.ended) for segment in segments),
        late_s=sum(segment.ended.late_s for segment in segments),
        factor=measured_s / min(max(measured_s, least_s), most_s),
    )


def remarks(steps: Iterable[WorkerSteps], time_scale: float) -> list[str]:
    """What a reader has to know of the steps of a real run, and what to do; empty if all took as long as foretold.

    `time_scale` is that of the run: see `hetsched.scenario.tables.RealTable`.
    """
    told = [step for step in steps if step.remark is not None]
    lines = [step.remark for step in told if step.remark is not None]
    if late := [step.factor for step in told if step.paced]:
        lines.append(
            "predictions by the profile are too low for this machine: set real.time_scale to at least "
            f"{_rounded_up(time_scale * max(late)):g}, or run on a faster or idler machine"
        )
    if any(not step.paced for step in told):
        lines.append(
            "predictions by the profile are wrong for this machine: run hetsched validate, which measures its steps, "
            "or hetsched profile"
        )
    return lines


def _rounded_up(value: float) -> float:
    """To two significant digits.

    >>> _rounded_up(3.01), _rounded_up(20.0), _rounded_up(0.412)
    (3.1, 20.0, 0.42)
    """
    unit = 10.0 ** (floor(log10(value)) - 1)
    return ceil(round(value / unit, 9)) * unit
