"""A real run while it runs, on stderr: a live table on a terminal, otherwise a plain line at
intervals."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from threading import Event as Signal
from threading import Lock, Thread
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hetsched.analysis.bounds import full_jobs, makespan_bound, worker_devices
from hetsched.analysis.figures import best_score, utilisation
from hetsched.analysis.step_times import is_late
from hetsched.analysis.worker_time import Occupancy
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    ResourcesSampled,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialExploited,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.state import State
from hetsched.core.trial import Segment, Trial, status_of
from hetsched.domain.cluster import NodeId, WorkerId
from hetsched.domain.metric import DEFAULT, Metric, shared
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.errors import HetschedError, counted
from hetsched.report.figures_in_words import share
from hetsched.report.forecast import Forecast
from hetsched.report.hyperparameters import cells, listed, names_of
from hetsched.report.live_nodes import nodes_drawn
from hetsched.report.printable import printable
from hetsched.report.scores import further_metrics, metric_name, shown
from hetsched.report.terminal import Terminal, line, say_meanwhile
from hetsched.scenario.scenario import Setup
from hetsched.studies.measuring_policy import MEASURE

DRAWINGS_PER_S = 2
MOST_NEWS = 6
MOST_SILENT = 3
"""A node counts as silent if it has not answered for this many intervals."""
LEAST_ROWS = 5
"""The least rows of trials, and of workers, however low the terminal is."""


class WorkerStanding(NamedTuple):
    """A worker at the last event: its seconds in finished segments, its seconds in the cluster, its
    segments. `away` is the reason for which it left. None: it is in the cluster."""

    busy_s: float
    present_s: float
    segments: int
    away: str | None


class Standing(NamedTuple):
    """A run at its last event, in values that do not change, because another thread draws them.

    The event was at `now`. The view's clock read `seen` then. `done` and `total` are iterations.
    `start_up_s` is the mean start-up of workers. `late` are workers that could not keep their pace.
    `metric` is the metric of all experiments. None: they have different ones. `nodes` has the
    newest sample of each node.
    """

    now: float
    seen: float
    trials: Sequence[Trial]
    running: Mapping[TrialId, Segment]
    workers: Mapping[WorkerId, WorkerStanding]
    news: Sequence[str]
    done: int
    total: int
    start_up_s: float
    ended: bool
    late: Sequence[WorkerId]
    metric: Metric | None
    nodes: Mapping[NodeId, ResourcesSampled]


class LiveView:
    """Shows one real run, from `with` to its end. The view is a listener: it receives events in one
    thread. An event costs the same however large the run is. Another thread draws the result a few
    times per second.

    If stderr is no terminal, a plain line is printed every `every_s` seconds, and an error is
    printed at once. `activity` is what goes on before the first event. `clock` counts seconds.
    """

    def __init__(
        self,
        what: str,
        setup: Setup,
        strategy: Strategy,
        every_s: float,
        *,
        activity: str = "starting Ray",
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what + " (paced)" * setup.paced
        self._bound_s = _bound_s(setup, strategy)
        self._metric = shared(experiment.metric for experiment in setup.workload.experiments)
        self._is_probe = strategy.scheduling == MEASURE  # a probe ends when enough was measured
        self._every_s = every_s
        self._console = console or Terminal(stderr=True)
        self._clock = clock
        self._began = clock()
        self._activity = activity
        self._lock = Lock()  # guards the fields below, up to `_news`
        self._seen: float | None = None
        self._now = 0.0
        self._ended = False
        self._trials: dict[TrialId, Trial] = {}
        self._running: dict[TrialId, Segment] = {}
        self._stops: dict[ExperimentId, int] = {}
        self._occupancy = Occupancy()
        self._start_ups_s: list[float] = []
        self._away: dict[WorkerId, str] = {}
        self._late: dict[WorkerId, None] = {}
        self._nodes: dict[NodeId, ResourcesSampled] = {}
        self._news: deque[str] = deque(maxlen=MOST_NEWS)
        self._live: Live | None = None
        self._over = Signal()

    def expect(self, setup: Setup | None, strategy: Strategy) -> None:
        """From now on the bound is of the strategy's workers of this setup. None: no bound is
        known."""
        self._bound_s = None if setup is None else _bound_s(setup, strategy)

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                get_renderable=self.drawing, console=self._console, refresh_per_second=DRAWINGS_PER_S, transient=True
            )
            self._live.start()
        else:
            self._print(f"{self._what}: {self._activity}")
            self._lines = Thread(target=self._print_lines, daemon=True)
            self._lines.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._live is not None:
            self._live.stop()
        else:
            self._lines.join()

    # What happens.

    def __call__(self, state: State, event: Event) -> None:
        """Receive an event, after it was applied to the state."""
        with self._lock:
            self._follow(state, event)
            if (news := self._lateness(event) or _news(event)) is not None:
                self._news.append(f"{event.time:,.0f} s: {news}")
        if news is not None and self._live is None and not isinstance(event, TrialExploited):
            self._print(f"{self._what}: {event.time:,.0f} s: {news}")

    def recall(self, state: State, event: Event) -> None:
        """Receive an event of an earlier driver. The view prints no news of the event."""
        with self._lock:
            self._follow(state, event)

    def _follow(self, state: State, event: Event) -> None:
        self._seen, self._now, self._ended = self._clock(), state.now, state.ended is not None
        name: TrialId | None = getattr(event, "trial", None)
        if name is not None:
            self._trials[name] = state.trials[name]
            if name in state.running:
                self._running[name] = state.running[name]
            else:
                self._running.pop(name, None)
        match event:
            case ExperimentArrived():
                self._stops[event.experiment.id] = event.experiment.stop_iterations
            case WorkerJoined():
                self._occupancy.join(event)
                self._away.pop(event.worker.id, None)
            case WorkerLeft():
                self._occupancy.leave(event)
                self._away[event.worker] = event.reason
                self._nodes.pop(self._occupancy.workers[event.worker].node, None)
            case ResourcesSampled():
                self._nodes[event.node] = event
            case SegmentStarted():
                self._occupancy.start(event)
            case SegmentEnded() | SegmentLost():
                self._occupancy.end(event)
                if isinstance(event, SegmentEnded) and event.parts.start_up_s:
                    self._start_ups_s.append(event.parts.start_up_s)

    def _lateness(self, event: Event) -> str | None:
        """A message that a worker is late against its pace. Only its first time has one."""
        if not isinstance(event, SegmentEnded) or event.worker in self._late or not is_late(event):
            return None
        self._late[event.worker] = None
        measured_s, asked_s = event.parts.train_s, event.parts.train_s - event.late_s
        return (
            f"worker {event.worker} cannot hold its pace: {measured_s / event.iterations:.3g} s per iteration where "
            f"{asked_s / event.iterations:.3g} s are asked; predictions by the profile are too low"
        )

    def _worker(self, worker: WorkerId, now: float) -> WorkerStanding:
        there = self._occupancy
        return WorkerStanding(
            there.busy_s[worker], there.present_s(worker, now), there.segments[worker], self._away.get(worker)
        )

    def _standing(self) -> Standing | None:
        """The run as it is now. None: it has no event yet."""
        with self._lock:
            if self._seen is None:
                return None
            trials = tuple(self._trials.values())
            return Standing(
                self._now,
                self._seen,
                trials,
                dict(self._running),
                {worker: self._worker(worker, self._now) for worker in self._occupancy.workers},
                tuple(self._news),
                sum(trial.iterations for trial in trials),
                sum(t.iterations if t.completed is not None else self._stops[t.experiment] for t in trials),
                fmean(self._start_ups_s) if self._start_ups_s else 0.0,
                self._ended,
                tuple(self._late),
                self._metric,
                dict(self._nodes),
            )

    # How it is shown.

    def _print(self, line: str) -> None:
        say_meanwhile(line)

    def _print_lines(self) -> None:
        while not self._over.wait(self._every_s):
            self._print(self.line())

    def line(self) -> str:
        """The run in one line of text."""
        standing = self._standing()
        if standing is None:
            return f"{self._what}: {self._activity} for {self._clock() - self._began:.0f} s"
        completed = sum(trial.completed is not None for trial in standing.trials)
        exploits = counted(sum(trial.exploits for trial in standing.trials), "exploit")
        trials, segments = counted(len(standing.trials), "trial"), counted(len(standing.running), "segment")
        return (
            f"{self._what}: {self._progress(standing)}; {completed} of {trials} completed, "
            f"{segments} running, {exploits}, best {metric_name(standing.metric)} {_best(standing)}"
        )

    def drawing(self) -> RenderableType:
        """The run as tables that fit the terminal."""
        standing = self._standing()
        if standing is None:
            return line(f"{self._what}: {self._activity} for {self._clock() - self._began:.0f} s")
        below = [f"cannot hold their pace: {', '.join(standing.late)}"] * bool(standing.late) + [*standing.news]
        room = self._console.height - 11 - len(below)  # the headings, and the line about rows that are left out
        late_s, silent_s = self._late_s(standing), MOST_SILENT * self._every_s
        nodes = nodes_drawn(standing.nodes, standing.now + late_s, silent_s, room - 2 * LEAST_ROWS)
        room -= nodes.lines
        workers = max(LEAST_ROWS, min(len(standing.workers), room // 2))
        return Group(
            Text(printable(f"{self._what}: {self._progress(standing)}"), style="bold"),
            *_trials(standing, max(LEAST_ROWS, room - min(workers, len(standing.workers)))),
            *_workers(standing, workers, late_s),
            *nodes.parts,
            *map(line, below),
        )

    def _late_s(self, standing: Standing) -> float:
        """Seconds since the last event."""
        return 0.0 if standing.ended else self._clock() - standing.seen

    def _progress(self, standing: Standing) -> str:
        elapsed_s = standing.now + self._late_s(standing)
        if self._is_probe:
            return f"{standing.done:,} iterations in {elapsed_s:,.0f} s"
        done = f"{standing.done:,} of {standing.total:,} iterations in {elapsed_s:,.0f} s"
        forecast = Forecast.of(elapsed_s, standing.start_up_s, standing.done, standing.total, self._bound_s)
        if forecast is None:
            return f"{done}, {_bound_in_words(self._bound_s)}"
        against = "" if forecast.ratio is None else f", {forecast.ratio:.2f} x the bound of {self._bound_s:,.0f} s"
        return f"{done}; about {forecast.left_s:,.0f} s to go, {forecast.total_s:,.0f} s in all{against}"


def _bound_s(setup: Setup, strategy: Strategy) -> float | None:
    """The bound in seconds on the makespan of all iterations on the strategy's workers. None: no
    bound is known."""
    devices = worker_devices(setup.workers(strategy))
    try:
        return makespan_bound(full_jobs(setup.workload), devices, setup.times, setup.costs)
    except HetschedError:  # the profile lacks a time, or the linear program was not solved; the bound is optional
        return None


def _bound_in_words(bound_s: float | None) -> str:
    return "no bound known" if bound_s is None else f"bound {bound_s:,.0f} s"


def _best(standing: Standing) -> str:
    return shown(best_score((trial.best_score for trial in standing.trials), standing.metric), "unknown")


def _news(event: Event) -> str | None:
    """What is printed at once. None: the event is no news."""
    match event:
        case TrialExploited(trial=trial, source=source, hyperparameters=hyperparameters):
            return f"{trial} took over {source}, goes on with {listed(hyperparameters)}"
        case SegmentLost(trial=trial, worker=worker, reason=reason):
            return f"{trial} lost its segment on {worker}: {reason}"
        case CheckpointLost(trial=trial, iterations=iterations, reason=reason):
            return f"{trial} is back at {counted(iterations, 'iteration')}: {reason}"
        case WorkerLeft(worker=worker, reason=reason):
            return f"{worker} left: {reason}"
        case WorkerJoined(worker=joined) if event.time:
            return f"{joined.id} joined"
        case WorkerDraining(worker=worker, reason=reason):
            return f"{worker} takes nothing new: {reason}"
    return None


def _trials(standing: Standing, rows: int) -> list[RenderableType]:
    """One row per trial. If there are more trials than `rows`, running trials come first, then the
    best scores."""
    keys = names_of(standing.trials)
    table = Table("trial", "status", "worker", header_style="bold")
    further, metric = further_metrics(standing.trials), standing.metric
    for heading in ("iterations", metric_name(metric), *further, *keys, "exploits"):
        table.add_column(heading, justify="right")
    trials = list(standing.trials)
    if len(trials) > rows:
        rank = DEFAULT.rank if metric is None else metric.rank
        trials.sort(key=lambda trial: (trial.id not in standing.running, -rank(trial.score)))
        del trials[rows:]
    for trial in trials:
        segment = standing.running.get(trial.id)
        table.add_row(
            trial.id,
            status_of(trial, standing.running),
            "" if segment is None else " ".join(segment.workers),
            f"{trial.iterations}" + (f" + {segment.iterations}" if segment else ""),
            shown(trial.score),
            *(shown(trial.metrics.get(name)) for name in further),
            *cells(trial, keys),
            str(trial.exploits),
        )
    more = len(standing.trials) - len(trials)
    return [table, Text(f"and {counted(more, 'trial')} more")] if more else [table]


def _workers(standing: Standing, rows: int, late_s: float) -> list[RenderableType]:
    """One row per worker. If there are more workers than `rows`, workers that have left come first."""
    table = Table("worker", "trial", header_style="bold")
    for heading in ("segments", "utilisation"):
        table.add_column(heading, justify="right")
    at_work = {worker: segment for segment in standing.running.values() for worker in segment.workers}
    workers = sorted(standing.workers.items(), key=lambda item: item[1].away is None)
    if len(workers) <= rows:
        workers = list(standing.workers.items())
    for name, worker in workers[:rows]:
        busy_s, present_s = worker.busy_s, worker.present_s
        segment = at_work.get(name)
        if segment is not None:
            busy_s += standing.now + late_s - segment.time
        if worker.away is None:
            present_s += late_s
        doing = worker.away or (segment.trial if segment else "idle")
        table.add_row(name, doing, str(worker.segments), share(utilisation([busy_s], [present_s])))
    more = len(standing.workers) - rows
    return [table, Text(f"and {counted(more, 'worker')} more")] if more > 0 else [table]
