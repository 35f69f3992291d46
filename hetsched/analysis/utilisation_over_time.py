"""How much of the workers trained when: of all of them, of each node's and of each type of device."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hetsched.core.events import Event, SegmentEnded, SegmentLost, SegmentStarted, WorkerJoined, WorkerLeft
from hetsched.domain.cluster import CPU, Worker, WorkerId
from hetsched.domain.workload import TrialId

Group = Literal["all", "node", "device"]

MOST_VALUES = 8_000
"""Of the series of one group together."""

MOST_PARTS, FEWEST_PARTS = 400, 20
"""Of one series."""


class Utilisation(NamedTuple):
    """A part of the workers over time. `value[i]` holds from `time_s[i]` to the next time, the last one to the end of
    the run; None: none of these workers was there."""

    group: Group
    name: str
    time_s: list[float]
    value: list[float | None]


class Stretch(NamedTuple):
    """The worker was in the cluster, or in a segment, from one moment to another."""

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
    """The cores of a CPU worker, the part of a GPU that a GPU worker has."""
    return worker.cores if worker.device == CPU else worker.gpu_share


GROUPINGS = (
    _Grouping("all", lambda worker: "all workers", _one),
    _Grouping("node", lambda worker: worker.node, _one),
    _Grouping("device", lambda worker: worker.device, _of_its_device),
)
"""Unlike devices cannot be added up, so workers of a node count alike, as in the figure `utilisation`. Those of one
type count by their cores, or by their shares of GPUs."""


class WorkerTimes:
    """Follows a run, event by event: when which worker was in the cluster, and when in a segment, finished or lost."""

    def __init__(self) -> None:
        self._known: dict[WorkerId, Worker] = {}
        self._there: dict[WorkerId, float] = {}
        self._running: dict[TrialId, SegmentStarted] = {}
        self._present: list[Stretch] = []
        self._busy: list[Stretch] = []

    def __call__(self, event: Event) -> None:
        match event:
            case WorkerJoined(time=time, worker=worker):
                self._known[worker.id] = worker
                self._there[worker.id] = time
            case WorkerLeft(time=time, worker=name):
                self._present.append(Stretch(self._known[name], self._there.pop(name), time))
            case SegmentStarted():
                self._running[event.trial] = event
            case SegmentEnded(time=time) | SegmentLost(time=time):
                self._busy += self._segment(self._running.pop(event.trial), time)

    def _segment(self, start: SegmentStarted, end_s: float) -> list[Stretch]:
        return [Stretch(self._known[worker], start.time, end_s) for worker in start.workers]

    def present(self, end_s: float) -> list[Stretch]:
        """All stays in the cluster, in the order in which they began. Who is there stays to the end."""
        stay = [Stretch(self._known[name], joined, end_s) for name, joined in self._there.items()]
        order = {name: place for place, name in enumerate(self._known)}
        return sorted([*self._present, *stay], key=lambda one: (one.from_s, order[one.worker.id]))

    def busy(self, end_s: float) -> list[Stretch]:
        """All segments, for each of their workers. What runs goes on to the end."""
        running = [stretch for start in self._running.values() for stretch in self._segment(start, end_s)]
        return [*self._busy, *running]


def utilisation_over_time(times: WorkerTimes, end_s: float) -> list[Utilisation]:
    """All workers, then nodes and types of device in the order in which they joined.

    A series is exact where it has few changes. Otherwise a value is the mean over one of equal parts of the run.
    """
    present, busy = times.present(end_s), times.busy(end_s)
    return [series for grouping in GROUPINGS for series in _of_group(grouping, present, busy, end_s)]


def _of_group(grouping: _Grouping, present: list[Stretch], busy: list[Stretch], end_s: float) -> list[Utilisation]:
    there: dict[str, list[Stretch]] = {}
    works: dict[str, list[Stretch]] = {}
    for found, stretches_ in ((there, present), (works, busy)):
        for stretch in stretches_:
            found.setdefault(grouping.name(stretch.worker), []).append(stretch)
    most = min(MOST_PARTS, max(FEWEST_PARTS, MOST_VALUES // max(1, len(there))))
    series = []
    for name, of_name in there.items():
        edges = _edges([*of_name, *works.get(name, [])], end_s, most)
        there_s = np.diff(_seconds(of_name, grouping.weight, edges))
        busy_s = np.diff(_seconds(works.get(name, []), grouping.weight, edges))
        absent = there_s <= 1e-9 * np.diff(edges)
        shares = np.clip(busy_s / np.where(absent, 1.0, there_s), 0.0, 1.0)
        values = [
            None if gone else round(share, 4) for gone, share in zip(absent.tolist(), shares.tolist(), strict=True)
        ]
        series.append(Utilisation(grouping.group, name, [round(edge, 3) for edge in edges[:-1].tolist()], values))
    return series


def _edges(stretches_: list[Stretch], end_s: float, most: int) -> NDArray[np.float64]:
    """The moments between which a series has one value: those at which it changes, unless they are too many."""
    moments = {moment for _, *of_stretch in stretches_ for moment in of_stretch if 0.0 < moment < end_s}
    if len(moments) < most:
        return np.array([0.0, *sorted(moments), end_s])
    return np.linspace(0.0, end_s, most + 1)


def _seconds(
    stretches_: list[Stretch], weight: Callable[[Worker], float], until: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The seconds of the stretches up to each of the moments, weighted, together."""
    weights = np.array([weight(stretch.worker) for stretch in stretches_])
    begun = _since([stretch.from_s for stretch in stretches_], weights, until)
    return begun - _since([stretch.to_s for stretch in stretches_], weights, until)


def _since(moments_s: list[float], weights: NDArray[np.float64], until: NDArray[np.float64]) -> NDArray[np.float64]:
    """The seconds that have passed since each of the moments, weighted, together: 0 for those that are to come."""
    moments = np.array(moments_s)
    order = np.argsort(moments)
    passed = np.searchsorted(moments[order], until, side="right")
    weight = np.concatenate([[0.0], np.cumsum(weights[order])])[passed]
    start = np.concatenate([[0.0], np.cumsum((weights * moments)[order])])[passed]
    result: NDArray[np.float64] = weight * until - start
    return result
