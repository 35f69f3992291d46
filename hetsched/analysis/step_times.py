"""Whether real workers trained as fast as predicted: as their pace asks, or without a pace as the
profile says."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil, floor, log10
from typing import NamedTuple, Protocol

from msgspec import Struct

from hetsched.analysis.starts_at_once import StartsAtOnce
from hetsched.core.events import Event, SegmentEnded
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import WorkerId, WorkerType
from hetsched.domain.profiles import Costs, StepTimes, grown
from hetsched.domain.workload import Place, TrialKind
from hetsched.errors import counted

LATE = 0.05
"""A worker whose segment takes longer than its pace asks, by more than this fraction, cannot hold
its pace."""

SOME = 0.05
"""A kind of trial sets no pace for a worker that trained it for less than this share of the seconds
of an average worker of the type."""

OFF = 0.10
"""Step times that differ from the profile's by more than this fraction are of another machine. The
same holds if the time beside the steps differs by more than this fraction of the whole time."""


class Checkpoints(Protocol):
    """Where a run keeps its checkpoints, and how fast they move from node to node."""

    @property
    def place(self) -> Place: ...

    @property
    def network_bytes_per_s(self) -> float: ...


class WorkerSteps(Struct, frozen=True):
    """The iterations of workers of one type. Times are in seconds, and step times are means per
    iteration.

    - `least_s`, `most_s`: the predicted step time. On a paced worker both are what its pace asks.
      Otherwise they are what the profile says of a worker alone on its node, and among neighbours
      on all other cores.
    - `late_s`: the seconds beyond the pace in total
    - `late_segments`: how many of `segments` were late by more than 5%
    - `factor`: measured / predicted seconds, by the nearer end of the predicted range
    - `slowest`: the largest `factor` of one of the workers in one kind of trial. A kind that a worker
      hardly trained does not count (`SOME`).
    - `beside_s`: the seconds of start-up and evaluation, of `busy_s` in total. A pace says nothing
      about them.
    - `foretold_beside_s`: the prediction of `beside_s` by the profile. Neighbours slow it down as
      they slow down steps, so the prediction is a range, and this is its point nearest
      to `beside_s`.
    - `checkpoints_s`, `foretold_checkpoints_s`: the same for restores and checkpoints. What the
      profile does not have is in neither of them.
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
    slowest: float
    busy_s: float
    beside_s: float
    foretold_beside_s: float
    checkpoints_s: float = 0.0
    foretold_checkpoints_s: float = 0.0

    @property
    def late(self) -> str | None:
        """A sentence that the workers could not keep their pace. None: they did, or have no
        pace."""
        if not self.late_segments:
            return None
        more = f"{self.factor - 1:+.0%}"
        asked = f"where {self.most_s:.3g} s are asked ({more})" if more.strip("+-0%") else "on average, as asked"
        return (
            f"{self.worker}: could not hold its pace in {self.late_segments} of {self.segments} segments, "
            f"{self.late_s:.1f} s late in all: {self.measured_s:.3g} s per iteration {asked}"
        )

    @property
    def unlike_profile(self) -> str | None:
        """A sentence that steps did not take as long as the profile says. None: they did, or a pace
        said how long."""
        if self.paced or abs(self.factor - 1) <= OFF:
            return None
        found = f"measured {self.factor:.2g} x the profile's step, {self.measured_s:.3g} s per iteration"
        return f"{self.worker}: {found} in {counted(self.segments, 'segment')}"

    @property
    def unlike_profile_beside(self) -> str | None:
        """A sentence that start-up and evaluation did not take as long as the profile says. None:
        they did."""
        return self._unlike("start-up and evaluation", self.beside_s, self.foretold_beside_s)

    @property
    def unlike_profile_checkpoints(self) -> str | None:
        """A sentence that restores and checkpoints did not take as long as the profile says. None:
        they did. Such runs are often on other storage."""
        return self._unlike("restores and checkpoints", self.checkpoints_s, self.foretold_checkpoints_s)

    def _unlike(self, what: str, seconds: float, foretold_s: float) -> str | None:
        if abs(seconds - foretold_s) <= OFF * self.busy_s:
            return None
        segments = counted(self.segments, "segment")
        return f"{self.worker}: {what} took {seconds:.1f} s in {segments}, by the profile {foretold_s:.1f} s"

    def unlike(self, lost: bool) -> list[str]:
        """Sentences on how the steps differed from the profile. Empty: they did not.

        `lost`: the runs lost segments. Then start-ups and restores are not compared, because a lost
        segment makes further ones.
        """
        beside = [] if lost else [self.unlike_profile_beside, self.unlike_profile_checkpoints]
        return [line for line in (self.unlike_profile, *beside) if line is not None]


def is_late(ended: SegmentEnded) -> bool:
    """Whether the segment took longer than the worker's pace asks by more than 5%."""
    return ended.late_s > LATE * (ended.parts.train_s - ended.late_s)


def worker_steps(
    logs: Iterable[Iterable[Event]],
    times: StepTimes,
    host_cores: int | None = None,
    checkpoints: Checkpoints | None = None,
) -> list[WorkerSteps]:
    """The steps in the logs of real runs by type of worker, in the order in which the types first
    ended a segment.

    A type without a pace is left out if the profile lacks its step time. `host_cores` is the number
    of cores of the one host that all nodes were on. None: there were several hosts. Without
    `checkpoints`, restores and checkpoints are left out.
    """
    seen: defaultdict[WorkerType, list[_Segment]] = defaultdict(list)
    for events in logs:
        state, starts = State(), StartsAtOnce(host_cores)
        for event in events:
            starts.see(event, state)
            if isinstance(event, SegmentEnded):
                worker = state.workers[event.worker]
                slowdown = starts.slowdown(event, state)
                if (segment := _segment(event, state, times, slowdown, checkpoints)) is not None:
                    seen[worker.type].append(segment)
            state.apply(event)
    return [_steps(worker, segments) for worker, segments in seen.items()]


class _Compared(NamedTuple):
    """Measured seconds, and the least and the most predicted ones."""

    measured_s: float = 0.0
    least_s: float = 0.0
    most_s: float = 0.0


class _Segment(Struct, frozen=True):
    """A segment that ended, and its predicted seconds: the least and the most of training, and of
    start-up and evaluation. Also the seconds of its restore and checkpoint."""

    ended: SegmentEnded
    kind: TrialKind
    least_s: float
    most_s: float
    least_beside_s: float
    most_beside_s: float
    checkpoints: _Compared


def _segment(
    ended: SegmentEnded, state: State, times: StepTimes, slowdown: float, kept: Checkpoints | None
) -> _Segment | None:
    """The segment with its predicted seconds. None: nothing was predicted. `slowdown` is the factor
    by which the start-up takes longer."""
    trial, worker = state.trials[ended.trial], state.workers[ended.worker]
    costs = times.costs(trial.kind, worker.type)
    beside_s = state.experiments[trial.experiment].evaluation_images * costs.evaluation_s_per_image
    beside_s *= grown(costs.state_growth, trial.iterations + ended.iterations)
    beside_s += costs.start_up_s * slowdown if ended.parts.start_up_s else 0.0
    checkpoints = _Compared() if kept is None else _checkpoints(ended, trial, times, costs, kept)
    if worker.pace is not None:
        asked_s = ended.parts.train_s - ended.late_s
        return _Segment(ended, trial.kind, asked_s, asked_s, beside_s, beside_s, checkpoints)
    seconds = times.seconds_per_iteration(trial.kind, worker.type)
    if seconds is None:
        return None
    alone = all(other.node != worker.node for other in state.workers.values() if other.id != worker.id)
    sharing = 1.0 if alone else costs.sharing
    train_s = ended.iterations * seconds
    checkpoints = checkpoints._replace(most_s=checkpoints.most_s * sharing)
    return _Segment(ended, trial.kind, train_s, train_s * sharing, beside_s, beside_s * sharing, checkpoints)


def _checkpoints(ended: SegmentEnded, trial: Trial, times: StepTimes, costs: Costs, kept: Checkpoints) -> _Compared:
    """The seconds of the segment's restore and checkpoint, each if the profile has any for the
    model. A state in memory may come from the node's own, from another node or from a file."""
    in_memory = kept.place != "storage"

    def knows(memory: str, storage: str) -> bool:
        return any(
            times.where_measured(trial.kind.model, name) for name in ((memory, storage) if in_memory else (storage,))
        )

    measured_s = least_s = most_s = 0.0
    if knows("object_store_save_s", "checkpoint_s"):
        measured_s = ended.parts.checkpoint_s
        save_s = costs.object_store_save_s if in_memory else costs.checkpoint_s
        least_s = most_s = save_s * grown(costs.state_growth, trial.iterations + ended.iterations)
    if ended.parts.restore_s and knows("object_store_restore_s", "restore_s"):
        measured_s += ended.parts.restore_s
        moved_s = costs.object_store_restore_s + costs.checkpoint_bytes / kept.network_bytes_per_s
        far_s = moved_s if kept.place == "object-store" else costs.restore_s
        ways = (costs.object_store_restore_s, far_s) if in_memory else (costs.restore_s,)
        least_s += min(ways) * grown(costs.state_growth, trial.iterations)
        most_s += max(ways) * grown(costs.state_growth, trial.iterations)
    return _Compared(measured_s, least_s, most_s)


def _steps(worker: WorkerType, segments: Sequence[_Segment]) -> WorkerSteps:
    iterations = sum(segment.ended.iterations for segment in segments)
    least_s = sum(segment.least_s for segment in segments) / iterations
    most_s = sum(segment.most_s for segment in segments) / iterations
    parts = [segment.ended.parts for segment in segments]
    beside_s = sum(part.start_up_s + part.evaluate_s for part in parts)
    least_beside_s = sum(segment.least_beside_s for segment in segments)
    most_beside_s = sum(segment.most_beside_s for segment in segments)
    checkpoints = _Compared(*map(sum, zip(*(segment.checkpoints for segment in segments), strict=True)))
    return WorkerSteps(
        worker=str(worker),
        paced=worker.pace is not None,
        least_s=least_s,
        most_s=most_s,
        measured_s=sum(part.train_s for part in parts) / iterations,
        segments=len(segments),
        late_segments=sum(is_late(segment.ended) for segment in segments),
        late_s=sum(segment.ended.late_s for segment in segments),
        factor=_factor(segments),
        slowest=_slowest(segments),
        busy_s=sum(part.total_s for part in parts),
        beside_s=beside_s,
        foretold_beside_s=_nearest(beside_s, least_beside_s, most_beside_s),
        checkpoints_s=checkpoints.measured_s,
        foretold_checkpoints_s=_nearest(*checkpoints),
    )


def _slowest(segments: Sequence[_Segment]) -> float:
    """The largest factor of a worker in a kind of trial that it trained for long enough (`SOME`). If
    there is no such kind, the factor of all segments."""
    of_each: defaultdict[tuple[WorkerId, TrialKind], list[_Segment]] = defaultdict(list)
    for segment in segments:
        of_each[segment.ended.worker, segment.kind].append(segment)
    seconds = {key: sum(one.ended.parts.train_s for one in found) for key, found in of_each.items()}
    least_s = SOME * sum(seconds.values()) / len({worker for worker, _ in of_each})
    return max((_factor(one) for key, one in of_each.items() if seconds[key] >= least_s), default=_factor(segments))


def _factor(segments: Iterable[_Segment]) -> float:
    """Measured / predicted seconds of training, by the nearer end of the predicted range."""
    trained = [(segment.ended.parts.train_s, segment.least_s, segment.most_s) for segment in segments]
    measured_s, least_s, most_s = map(sum, zip(*trained, strict=True))
    return measured_s / _nearest(measured_s, least_s, most_s)


def _nearest(value: float, least: float, most: float) -> float:
    """The number from `least` to `most` that is nearest to the value."""
    return min(max(value, least), most)


def pace_remarks(steps: Iterable[WorkerSteps], time_scale: float, *, planned: bool = False) -> list[str]:
    """Which workers could not keep their pace, and what to do. Empty: all did. The slowest worker
    would have kept the advised pace in its slowest kind of trial.

    `time_scale` is the run's: see `hetsched.scenario.tables.RealTable`. `planned`: the pace is the
    one that a plan measured, which follows the machine and not `time_scale`.
    """
    late = {step.late: step.slowest for step in steps if step.late is not None}
    if max(late.values(), default=1.0) <= 1 + LATE:
        return list(late)
    if planned:
        return [
            *late,
            "the machine was faster when the plan measured it, so the prediction is too low: plan again with "
            "--measure-again",
        ]
    enough = _rounded_up(time_scale * max(late.values()))
    return [
        *late,
        "predictions by the profile are too low for this machine: set real.time_scale to at least "
        f"{enough:g}, or run on a faster or idler machine",
    ]


def profile_remarks(steps: Iterable[WorkerSteps], lost: bool = False) -> list[str]:
    """Which workers differ from the profile, and what to do. Empty: none. `lost`: the runs lost
    segments."""
    told = [line for step in steps for line in step.unlike(lost)]
    if not told:
        return []
    return [
        *told,
        "predictions by the profile are wrong for this machine: run hetsched validate, which measures it, or "
        "hetsched profile",
    ]


def other_machine(steps: Iterable[WorkerSteps], lost: bool = False) -> list[str]:
    """How the machine of a run differed from the machine of the prediction. Another load counts,
    too. Empty: it did not differ. `lost`: the run lost segments."""
    return [f"another machine than the prediction's: {line}" for step in steps for line in step.unlike(lost)]


def _rounded_up(value: float) -> float:
    """The value rounded up to two significant digits.

    >>> _rounded_up(3.01), _rounded_up(20.0), _rounded_up(0.412)
    (3.1, 20.0, 0.42)
    """
    unit = 10.0 ** (floor(log10(value)) - 1)
    return ceil(round(value / unit, 9)) * unit
