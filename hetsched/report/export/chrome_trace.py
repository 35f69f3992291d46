"""A run as a trace of Chrome's Trace Event Format, which Perfetto and chrome://tracing open.

A node is a process, and its workers are threads of the process. A segment is a slice with the
trial's name on each worker of its gang. The parts of a segment are slices within it. An exploit is
a flow: an arrow from the source's last segment to the trial's next segment. The first process is
the run, which has the counters of the run. The use of a node's resources is in counters of the
node.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from hetsched.core.applied_events import followed
from hetsched.core.events import (
    CheckpointLost,
    Event,
    Parts,
    ResourcesSampled,
    RunEnded,
    RunResumed,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialExploited,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
    WorkerSlowed,
)
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.workload import TrialId
from hetsched.report.export.files import written_whole
from hetsched.studies.caveats import NO_CAVEATS, Caveats
from hetsched.version import __version__

TraceEvent = dict[str, Any]

RUN = 1
"""The number of the run's own process, and of the only thread of this process."""

NAMES = {"start_up_s": "start-up", "restore_s": "restore", "train_s": "train", "evaluate_s": "evaluate"}
NAMES |= {"checkpoint_s": "checkpoint", "dispatch_s": "dispatch"}
"""The parts of a segment, in the order in which they are drawn.

Dispatch is drawn last, because a log does not say how much of the dispatch came first.
"""


class Lane(NamedTuple):
    """A thread of the trace, by the numbers of its process and of the thread."""

    pid: int
    tid: int


class Span(NamedTuple):
    """The lane of a slice, and its start and end in microseconds."""

    lane: Lane
    start: int
    end: int


def write_trace(log: Path, path: Path, caveats: Caveats = NO_CAVEATS) -> Path:
    """Write the trace of a log, with the `caveats` of its study, as a whole or not at all. Returns
    the path of the trace."""
    with written_whole(path) as part:
        fill_trace(log, part, caveats)
    return path


def fill_trace(log: Path, path: Path, caveats: Caveats) -> None:
    """Write the trace of a log to a file, while reading the log."""
    with path.open("wb") as file:
        file.write(b'{"displayTimeUnit":"ms","traceEvents":[')
        run = _write_events(log, file)
        started = {} if run is None else msgspec.structs.asdict(run)
        facts = {"hetsched": __version__, **started, **caveats.document()}
        file.write(b'\n],"otherData":' + msgspec.json.encode(facts) + b"}\n")


def _write_events(log: Path, file: IO[bytes]) -> RunStarted | None:
    """Write the events of the trace, one line per event. Returns the log's `run-started` (None: the
    log has none)."""
    trace, state, between = Trace(), State(), b"\n"
    for event in followed(read_log(log), state, log):
        for found in trace(state, event):
            file.write(between + msgspec.json.encode(found))
            between = b",\n"
    for found in trace.rest(state):
        file.write(between + msgspec.json.encode(found))
        between = b",\n"
    return state.run


class Trace:
    """Follows a run and makes the events of its trace.

    Call it with the state and every event, after the event was applied to the state. Then call
    `rest` once.
    """

    def __init__(self) -> None:
        self._lanes: dict[WorkerId, Lane] = {}
        self._nodes: dict[NodeId, int] = {}
        self._sampled: set[NodeId] = set()
        self._begun: dict[TrialId, SegmentStarted] = {}
        self._last: dict[TrialId, Span] = {}
        self._copied: dict[TrialId, Span] = {}
        self._flows = 0
        self._counters = Counters()

    def __call__(self, state: State, event: Event) -> Iterator[TraceEvent]:
        yield from self._counters(state, event)
        if isinstance(event, SegmentStarted):
            self._begun[event.trial] = event
        elif isinstance(event, SegmentEnded):
            yield from self._segment(state, event.trial, event.time, event.parts, {"score": event.score}, event.worked)
        elif isinstance(event, SegmentLost):
            yield from self._segment(state, event.trial, event.time, None, {"lost": event.reason})
        elif isinstance(event, TrialExploited):
            if event.source in self._last:
                self._copied[event.trial] = self._last[event.source]
        elif isinstance(event, WorkerJoined):
            yield from self._join(event.worker)
            yield _instant(self._lanes[event.worker.id], event.time, "joined", {"worker": event.worker.id})
        elif isinstance(event, WorkerLeft | WorkerDraining | WorkerSlowed):
            yield self._of_worker(event)
        elif isinstance(event, ResourcesSampled):
            yield from self._sample(event)
        else:
            yield from _of_run(event)

    def rest(self, state: State) -> Iterator[TraceEvent]:
        """The last events of the trace: segments that still run, up to the end of the log, and the
        last counters."""
        for trial in [*self._begun]:
            yield from self._segment(state, trial, state.now, None, {"running": True})
        yield from self._counters.rest()

    def _join(self, worker: Worker) -> Iterator[TraceEvent]:
        """Name the lane of a worker, and the process of its node, if they are new."""
        if worker.id in self._lanes:
            return
        yield from self._home(worker.node)
        tid = self._unused()
        self._lanes[worker.id] = lane = Lane(self._nodes[worker.node], tid)
        yield from _named(lane, "thread", f"{worker.id} ({worker.type})", tid)

    def _home(self, node: NodeId) -> Iterator[TraceEvent]:
        """Name the process of a node if it is new."""
        if node not in self._nodes:
            self._nodes[node] = pid = self._unused()
            yield from _named(Lane(pid, pid), "process", f"node {node}", pid)

    def _sample(self, event: ResourcesSampled) -> Iterator[TraceEvent]:
        yield from self._home(event.node)
        lane = Lane(self._nodes[event.node], self._nodes[event.node])
        if event.node not in self._sampled:
            self._sampled.add(event.node)
            yield from _named(lane, "thread", "resources", lane.tid)
        yield from _use(lane, event)

    def _unused(self) -> int:
        """An unused number for a process or a thread. Perfetto tells them apart by number, so all
        numbers differ."""
        return RUN + 1 + len(self._nodes) + len(self._lanes)

    def _of_worker(self, event: WorkerLeft | WorkerDraining | WorkerSlowed) -> TraceEvent:
        fields = msgspec.structs.asdict(event)
        name = {WorkerLeft: "left", WorkerDraining: "draining", WorkerSlowed: "slowed"}[type(event)]
        return _instant(self._lanes[event.worker], fields.pop("time"), name, fields)

    def _segment(
        self,
        state: State,
        name: TrialId,
        end_s: float,
        parts: Parts | None,
        outcome: dict[str, Any],
        worked: tuple[float, float] | None = None,
    ) -> Iterator[TraceEvent]:
        begun, trial = self._begun.pop(name), state.trials[name]
        from_s, end_s = worked or (begun.time, end_s)
        args = {"segment": begun.segment, "experiment": trial.experiment, "iterations": begun.iterations, **outcome}
        args |= {"total iterations": trial.iterations, "hyperparameters": dict(trial.hyperparameters)}
        shown = f"{name} (lost)" if "lost" in outcome else name
        for worker in begun.workers:
            span = Span(self._lanes[worker], _us(from_s), _us(end_s))
            yield _slice(span, shown, "segment", args)
            if parts is not None:
                yield from _parts(span, from_s, parts)
        first = Span(self._lanes[begun.worker], _us(from_s), _us(end_s))
        if name in self._copied:
            yield from self._flow(self._copied.pop(name), first)
        if parts is not None:
            self._last[name] = first
        if "lost" in outcome:
            yield _instant(
                first.lane, end_s, "segment lost", {"worker": begun.worker, "trial": name, "reason": outcome["lost"]}
            )

    def _flow(self, source: Span, to: Span) -> Iterator[TraceEvent]:
        """An arrow from the end of one slice to the start of another. If a slice takes no time,
        there is no arrow."""
        if source.start == source.end or to.start == to.end:
            return
        self._flows += 1
        common = {"name": "exploit", "cat": "exploit", "id": self._flows}
        yield {"ph": "s", **common, **source.lane._asdict(), "ts": source.end - 1}
        yield {"ph": "f", "bp": "e", **common, **to.lane._asdict(), "ts": to.start}


class Counters:
    """Counters of ready trials, of running segments, and of the utilisation in percent. Changes are
    written."""

    def __init__(self) -> None:
        self._workers_of: dict[TrialId, tuple[WorkerId, ...]] = {}
        self._on: Counter[WorkerId] = Counter()  # a worker with a package has several segments
        self._time = 0.0
        self._values: dict[str, dict[str, float]] = {}
        self._written: dict[str, dict[str, float]] = {}

    def __call__(self, state: State, event: Event) -> Iterator[TraceEvent]:
        if event.time != self._time:
            yield from self.rest()
        if isinstance(event, SegmentStarted):
            self._workers_of[event.trial] = event.workers
            self._on.update(event.workers)
        elif isinstance(event, SegmentEnded | SegmentLost):
            self._on.subtract(self._workers_of.pop(event.trial))
            self._on = +self._on
        workers = len(state.workers)
        self._time = event.time
        self._values = {
            "ready trials": {"trials": len(state.ready)},
            "running segments": {"segments": len(state.running)},
            "utilisation": {"percent": 100 * len(self._on) / workers if workers else 0.0},
        }

    def rest(self) -> Iterator[TraceEvent]:
        """The counters that have changed since they were written."""
        for name, value in self._values.items():
            if self._written.get(name) != value:
                yield {"ph": "C", "name": name, "pid": RUN, "tid": RUN, "ts": _us(self._time), "args": value}
        self._written = self._values


def _use(lane: Lane, event: ResourcesSampled) -> Iterator[TraceEvent]:
    """The use of a node's resources, in percent and in bytes, as counters of the node's process."""
    values = {"cpu": {"percent": 100 * event.cpu}, "memory": {"bytes": event.memory_bytes}}
    for number, gpu in enumerate(event.gpus):
        values |= {
            f"gpu {number}": {"percent": 100 * gpu.use},
            f"gpu {number} memory": {"bytes": gpu.memory_bytes},
        }
    for name, value in values.items():
        yield {"ph": "C", "name": name, **lane._asdict(), "ts": _us(event.time), "args": value}


def _parts(span: Span, start_s: float, parts: Parts) -> Iterator[TraceEvent]:
    """The parts of a segment that take time, one after the other."""
    begin = span.start
    for field, name in NAMES.items():
        start_s += getattr(parts, field)
        end = min(_us(start_s), span.end)
        if end > begin:
            yield _slice(Span(span.lane, begin, end), name, "part", {})
        begin = end


def _of_run(event: Event) -> Iterator[TraceEvent]:
    lane = Lane(RUN, RUN)
    if isinstance(event, RunStarted):
        yield from _named(lane, "process", f"{event.strategy}, seed {event.seed}", RUN)
        yield from _named(lane, "thread", "run", RUN)
    elif isinstance(event, RunResumed):
        yield _instant(lane, event.time, "resumed", {"reason": event.reason})
    elif isinstance(event, RunEnded):
        yield _instant(lane, event.time, "ended", {"reason": event.reason})
    elif isinstance(event, CheckpointLost):
        what = {"trial": event.trial, "reason": event.reason, "left": event.iterations}
        yield _instant(lane, event.time, "checkpoint lost", what)


def _named(lane: Lane, kind: str, name: str, place: int) -> Iterator[TraceEvent]:
    """The events that set the name of a process or thread, and its place among the others."""
    yield {"ph": "M", "name": f"{kind}_name", **lane._asdict(), "args": {"name": name}}
    yield {"ph": "M", "name": f"{kind}_sort_index", **lane._asdict(), "args": {"sort_index": place}}


def _slice(span: Span, name: str, category: str, args: dict[str, Any]) -> TraceEvent:
    times = {"ts": span.start, "dur": span.end - span.start}
    return {"ph": "X", "name": name, "cat": category, **span.lane._asdict(), **times, "args": args}


def _instant(lane: Lane, time_s: float, name: str, args: dict[str, Any]) -> TraceEvent:
    """An instant of a process. An instant of a thread would count as a slice, and viewers would
    draw arrows to it."""
    return {"ph": "i", "s": "p", "name": name, "cat": "event", **lane._asdict(), "ts": _us(time_s), "args": args}


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
