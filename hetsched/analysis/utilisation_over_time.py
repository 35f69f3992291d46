"""The share of the workers that trained, over time: of all workers, of each node's, and of each
type of device."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from hetsched.analysis.share_over_time import Stretch, most_parts, share_of, share_over_time
from hetsched.core.events import Event, SegmentEnded, SegmentLost, SegmentStarted, WorkerJoined, WorkerLeft
from hetsched.domain.cluster import CPU, Worker, WorkerId
from hetsched.domain.workload import TrialId

Group = Literal["all", "node", "device"]


class Utilisation(NamedTuple):
    """The utilisation of a group of workers over time.

    `value[i]` holds from `time_s[i]` to the next time. The last one holds to the end of the run.
    None: no worker of the group was in the cluster. `mean` is their time in segments divided by
    their time in the cluster, up to the end of the last segment. A time with few workers therefore
    counts less, as in the figure `utilisation`.
    """

    group: Group
    name: str
    time_s: list[float]
    value: list[float | None]
    mean: float | None


class Stay(NamedTuple):
    """A worker was in the cluster, or in a segment, from one moment to another."""

    worker: Worker
    from_s: float
    to_s: float


class _Grouping(NamedTuple):
    group: Group
    name: Callable[[Worker], str]
    weight: Callable[[Worker], float]


def _one(worker: Worker) -> float:
    return 1.0


def _of_its_device(worker: Worker) -> float:
    """The cores of a CPU worker, or the GPU share of a GPU worker."""
    return worker.cores if worker.device == CPU else worker.gpu_share


GROUPINGS = (
    _Grouping("all", lambda worker: "all workers", _one),
    _Grouping("node", lambda worker: worker.node, _one),
    _Grouping("device", lambda worker: worker.device, _of_its_device),
)
"""The groups of workers. Different devices cannot be added, so workers of a node count equally, as
in the figure `utilisation`. Workers of one type count by their cores, or by their shares of
GPUs."""


class WorkerTimes:
    """Follows a run, event by event. It keeps when each worker was in the cluster, and when in a
    segment, finished or lost."""

    def __init__(self) -> None:
        self._known: dict[WorkerId, Worker] = {}
        self._there: dict[WorkerId, float] = {}
        self._running: dict[TrialId, SegmentStarted] = {}
        self._told: dict[WorkerId, float] = {}  # up to when; the segments of a package share their time
        self._present: list[Stay] = []
        self._busy: list[Stay] = []

    def __call__(self, event: Event) -> None:
        match event:
            case WorkerJoined(time=time, worker=worker):
                self._known[worker.id] = worker
                self._there[worker.id] = time
            case WorkerLeft(time=time, worker=name):
                self._present.append(Stay(self._known[name], self._there.pop(name), time))
            case SegmentStarted():
                self._running[event.trial] = event
            case SegmentEnded(time=time) | SegmentLost(time=time):
                start = self._running.pop(event.trial)
                self._busy += self._segment(start, time)
                if start.package:
                    self._told[start.worker] = time

    def _segment(self, start: SegmentStarted, end_s: float) -> list[Stay]:
        if start.package:
            from_s = max(start.time, self._told.get(start.worker, 0.0))
            return [Stay(self._known[start.worker], from_s, end_s)] if from_s < end_s else []
        return [Stay(self._known[worker], start.time, end_s) for worker in start.workers]

    def present(self, end_s: float) -> list[Stay]:
        """All stays in the cluster, in the order in which they began. A worker that is still
        present stays to the end."""
        stay = [Stay(self._known[name], joined, end_s) for name, joined in self._there.items()]
        order = {name: place for place, name in enumerate(self._known)}
        return sorted([*self._present, *stay], key=lambda one: (one.from_s, order[one.worker.id]))

    def busy(self, end_s: float) -> list[Stay]:
        """All segments, for each of their workers. The segments of a package are one. A running
        segment goes on to the end."""
        one_each = {start.package or start.trial: start for start in self._running.values()}
        running = [stay for start in one_each.values() for stay in self._segment(start, end_s)]
        return [*self._busy, *running]


def utilisation_over_time(times: WorkerTimes, end_s: float) -> list[Utilisation]:
    """All workers, then nodes and types of device in the order in which they joined.

    A series is exact if it has few changes. Otherwise a value is the mean over one of equal parts
    of the run.
    """
    present, busy = times.present(end_s), times.busy(end_s)
    last_s = max((stay.to_s for stay in busy), default=end_s)
    return [series for grouping in GROUPINGS for series in _of_group(grouping, present, busy, end_s, last_s)]


def _of_group(
    grouping: _Grouping, present: list[Stay], busy: list[Stay], end_s: float, last_s: float
) -> list[Utilisation]:
    there, working = _by_name(grouping, present), _by_name(grouping, busy)
    most = most_parts(len(there))
    return [
        Utilisation(grouping.group, name, *share_over_time(part, whole, end_s, most), share_of(part, whole, last_s))
        for name, whole in there.items()
        for part in [working.get(name, [])]
    ]


def _by_name(grouping: _Grouping, stays: Iterable[Stay]) -> dict[str, list[Stretch]]:
    found: dict[str, list[Stretch]] = {}
    for worker, from_s, to_s in stays:
        found.setdefault(grouping.name(worker), []).append(Stretch(from_s, to_s, grouping.weight(worker)))
    return found
