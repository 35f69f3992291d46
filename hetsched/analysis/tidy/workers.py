"""The table of workers: one row per worker that was ever in the cluster."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from msgspec.structs import asdict

from hetsched.analysis.figures import utilisation
from hetsched.analysis.tidy.columns import Column, Row
from hetsched.analysis.tidy.segments import PART_COLUMNS
from hetsched.analysis.worker_time import Occupancy
from hetsched.core.events import Event, SegmentEnded, SegmentLost, SegmentStarted, WorkerJoined, WorkerLeft
from hetsched.core.state import State
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId

COLUMNS = (
    Column("worker", "text", "the worker"),
    Column("node", "text", "the node of the worker"),
    Column("device", "text", "the device type: `cpu` or a type of GPU"),
    Column("cores", "int", "its CPU cores; of a GPU worker, those that feed the GPU", "cores"),
    Column("gpu_share", "float", "its share of one GPU, 0 for a CPU worker"),
    Column("pace", "float", "how many times slower than the profile it is declared to be"),
    Column("joined_s", "float", "when it joined first, since the start of the run", "s"),
    Column("left_s", "float", "when it left, since the start of the run; none if it did not", "s"),
    Column("joins", "int", "how often it joined"),
    Column("present_s", "float", "seconds in the cluster, up to the end of the last segment of the run", "s"),
    Column("busy_s", "float", "seconds in segments that ended or were lost", "s"),
    *PART_COLUMNS,
    Column("segments", "int", "segments that ended on it"),
    Column("lost_segments", "int", "segments that were lost on it"),
    Column("utilisation", "float", "`busy_s` as a part of `present_s`"),
)


class Workers:
    """The rows of workers. A gang's seconds and segments count for each of its workers."""

    def __init__(self) -> None:
        self._occupancy = Occupancy()
        self._running: dict[TrialId, SegmentStarted] = {}
        self._joined: dict[WorkerId, float] = {}
        self._left: dict[WorkerId, float | None] = {}
        self._joins: Counter[WorkerId] = Counter()
        self._lost: Counter[WorkerId] = Counter()
        self._parts_s: defaultdict[WorkerId, Counter[str]] = defaultdict(Counter)
        self._end_s = 0.0

    def __call__(self, state: State, event: Event) -> Iterator[Row]:
        """No rows: a worker has its row at the end."""
        if isinstance(event, WorkerJoined):
            self._occupancy.join(event)
            self._joined.setdefault(event.worker.id, event.time)
            self._left[event.worker.id] = None
            self._joins[event.worker.id] += 1
        elif isinstance(event, WorkerLeft):
            self._occupancy.leave(event)
            self._left[event.worker] = event.time
        elif isinstance(event, SegmentStarted):
            self._occupancy.start(event)
            self._running[event.trial] = event
        elif isinstance(event, SegmentEnded | SegmentLost):
            self._occupancy.end(event)
            self._end_s = event.time
            workers = self._running.pop(event.trial).workers
            if isinstance(event, SegmentLost):
                self._lost.update(workers)
            else:
                for worker in workers:
                    self._parts_s[worker].update(asdict(event.parts))
        return iter(())

    def rest(self, state: State) -> Iterator[Row]:
        for worker in self._occupancy.workers.values():
            busy_s, present_s = self._occupancy.busy_s[worker.id], self._occupancy.present_s(worker.id, self._end_s)
            yield {
                "worker": worker.id,
                "node": worker.node,
                "device": worker.device,
                "cores": worker.cores,
                "gpu_share": worker.gpu_share,
                "pace": worker.pace,
                "joined_s": self._joined[worker.id],
                "left_s": self._left[worker.id],
                "joins": self._joins[worker.id],
                "present_s": present_s,
                "busy_s": busy_s,
                **{part.name: float(self._parts_s[worker.id][part.name]) for part in PART_COLUMNS},
                "segments": self._occupancy.segments[worker.id],
                "lost_segments": self._lost[worker.id],
                "utilisation": utilisation([busy_s], [present_s]),
            }
