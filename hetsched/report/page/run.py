"""One run as the page shows it. The log of the run becomes a `PageRun`."""

from pathlib import Path

from hetsched.analysis.bounds import cluster_devices, full_jobs, makespan_bound
from hetsched.analysis.metrics import Measurement, Metrics
from hetsched.analysis.timeline import TimedSegment, Timeline
from hetsched.core.applied_events import followed
from hetsched.core.events import Event, RunStarted
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.core.trial import Trial, status_of
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.report.page.document import Exploit, Lane, Mark, PageRun, PageTrial, Segments
from hetsched.report.page.run_charts import RunCharts
from hetsched.scenario.scenario import Setup
from hetsched.studies.bound import uncertain_work
from hetsched.studies.one_run import check_run


class RunOnPage:
    """Follows a run. Call it with every event, after the event was applied to its `state`. `page()`
    is the run so far."""

    def __init__(self, setup: Setup) -> None:
        self.state = State()
        self._setup = setup
        self._measurement = Measurement(setup)
        self._timeline = Timeline()
        self._charts = RunCharts()
        self._fresh: dict[TrialId, Trial] = {}

    def __call__(self, event: Event) -> None:
        state = self.state
        self._measurement(state, event)
        self._timeline(state, event)
        self._charts(state, event)
        if len(state.trials) > len(self._fresh):
            newest = next(reversed(state.trials.values()))
            self._fresh[newest.id] = newest

    def page(self) -> PageRun:
        """The run so far. Raises InputError if it has not begun."""
        state, run = self.state, self.state.run
        if run is None:
            raise InputError("the run has not begun: its log has no run-started")
        metrics, lanes = self._measurement.metrics(state), self._timeline.lanes
        lane_of = {worker.id: position for position, worker in enumerate(lanes)}
        shown = PageRun(
            title=run.scenario,
            strategy=run.strategy,
            seed=run.seed,
            backend=run.backend,
            paced=run.paced,
            end_s=state.now,
            ended=state.ended,
            bound_s=self._bound_s(metrics),
            metric=metrics.metric,
            lanes=[Lane(w.id, w.node, w.device, w.cores, w.gpu_share) for w in lanes],
            trials=self._trials(),
            segments=_columns(self._timeline.segments(state), lane_of, state),
            exploits=self._exploits(),
            marks=self._marks(lane_of),
        )
        return self._charts.on(shown, state)

    def _bound_s(self, metrics: Metrics) -> float | None:
        """The bound in seconds on the makespan. None: the bound is not known.

        After the end of the run the bound is for what was trained. Before the end it is for all
        iterations of the workload, if their number is certain.
        """
        if self.state.ended is not None:
            return metrics.bound_s
        cluster, workload, times = self._setup.cluster, self._setup.workload, self._setup.times
        if any(uncertain_work(workload.experiments)):
            return None
        try:
            return makespan_bound(full_jobs(workload), cluster_devices(cluster, times), times, self._setup.costs)
        except InputError:  # a real run needs no profile
            return None

    def _trials(self) -> list[PageTrial]:
        running = self.state.running
        return [
            PageTrial(
                id=trial.id,
                experiment=trial.experiment,
                added_s=trial.arrived,
                hyperparameters=dict(self._fresh[trial.id].hyperparameters),
                status=status_of(trial, running),
                iterations=trial.iterations,
                score=trial.score,
                best_score=trial.best_score,
            )
            for trial in self.state.trials.values()
        ]

    def _exploits(self) -> list[Exploit]:
        trials = self.state.trials
        return [
            Exploit(event.time, trials[event.trial].index, trials[event.source].index, event.hyperparameters)
            for event in self._timeline.exploits
        ]

    def _marks(self, lane_of: dict[WorkerId, int]) -> list[Mark]:
        trials = self.state.trials
        return [
            Mark(
                time_s=seen.time_s,
                kind=seen.kind,
                text=seen.text,
                lane=None if seen.worker is None else lane_of[seen.worker],
                trial=None if seen.trial is None else trials[seen.trial].index,
            )
            for seen in self._timeline.happenings
        ]


def _columns(segments: list[TimedSegment], lane_of: dict[WorkerId, int], state: State) -> Segments:
    rows = [(segment, worker) for segment in segments for worker in segment.workers]
    return Segments(
        number=[segment.number for segment, _ in rows],
        lane=[lane_of[worker] for _, worker in rows],
        trial=[state.trials[segment.trial].index for segment, _ in rows],
        start_s=[segment.start_s for segment, _ in rows],
        end_s=[segment.end_s for segment, _ in rows],
        train_from_s=[segment.train_from_s for segment, _ in rows],
        train_to_s=[segment.train_to_s for segment, _ in rows],
        iterations=[segment.iterations for segment, _ in rows],
        total=[segment.total for segment, _ in rows],
        score=[segment.score for segment, _ in rows],
        state=[segment.state for segment, _ in rows],
    )


def page_run(setup: Setup, log: Path) -> PageRun:
    """The run of a log. Raises InputError, naming the log, if it is of another scenario, has no
    run, or was altered."""
    follow = RunOnPage(setup)
    for event in followed(read_log(log), follow.state, log):
        if isinstance(event, RunStarted):
            check_run(log, event, setup)
        follow(event)
    try:
        return follow.page()
    except InputError as error:
        raise InputError(f"{log}: {error}") from error
