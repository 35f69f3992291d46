"""A Tune experiment as a run of hetsched: its dispatcher, its log and the progress of each segment.
This module does not use Ray."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hetsched.core.dispatcher import Decided, Dispatcher
from hetsched.core.events import (
    COMPLETED,
    FAILED,
    ExperimentArrived,
    RunEnded,
    SegmentEnded,
    TrialAdded,
    TrialCompleted,
)
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.core.running_segments import RAY_TUNE
from hetsched.core.state import State
from hetsched.core.trial import Segment, Trial
from hetsched.domain.cluster import Worker
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.errors import PolicyError
from hetsched.scenario.scenario import Setup
from hetsched.studies.beginning import begin
from hetsched.studies.resume import failed
from real.dropin.measured import Measured
from real.dropin.progress import Progress
from real.tune.clock import Clock
from real.tune.ports import Exploit

logger = logging.getLogger(__name__)


class Run:
    """Asks the dispatcher's policy, and records what Tune reports.

    - `boundary`: each trial's `training_iteration` at its last boundary, from which it goes on
    - `to_start`: segments that were decided and are not yet started in Tune
    - `stopped`: trials that the policy has stopped and Tune has not
    - `measured`: the seconds of segments' parts
    - `log`, `dispatcher`: those of a run that goes on
    """

    def __init__(
        self,
        setup: Setup,
        strategy: Strategy,
        seed: int,
        folder: Path,
        clock: Clock,
        log: LogWriter | None = None,
        dispatcher: Dispatcher | None = None,
    ) -> None:
        self.setup = setup
        self.home = folder
        self.clock = clock
        self.boundary: dict[TrialId, int] = {}
        self.to_start: list[Segment] = []
        self.stopped: list[TrialId] = []
        self.ask_policy = True
        self.measured = Measured()
        self._strategy = strategy
        self._seed = seed
        self._progress: dict[TrialId, Progress] = {}
        self._log = log or LogWriter(folder / LOG_NAME)
        self.dispatcher = dispatcher or Dispatcher(
            State(), setup.scenario.scheduling_policy(strategy), strategy.scheduling, setup.times, self._log
        )

    @property
    def state(self) -> State:
        return self.dispatcher.state

    def begin(self, workers: Sequence[Worker], trials: Mapping[TrialId, Hyperparameters]) -> None:
        """Begin the run with these workers and trials."""
        self.clock.start()
        begin(self.dispatcher, RAY_TUNE, self.setup, self._strategy, self._seed, workers)
        [experiment] = self.setup.workload.experiments
        self.dispatcher.record(ExperimentArrived(0.0, experiment))
        for number, (trial, hyperparameters) in enumerate(trials.items()):
            batch_size = experiment.kind(number).batch_size
            self.dispatcher.record(TrialAdded(0.0, trial, experiment.id, batch_size, hyperparameters))
            self.boundary[trial] = 0
        self.dispatcher.commit()

    # What runs.

    def decide(self) -> None:
        """Ask the policy, if something has happened or its time to wake has come."""
        now, wake_at = self.clock.now(), self.dispatcher.wake_at
        if self.ask_policy:
            self.ask_policy = False
            self._carry_out(self.dispatcher.dispatch(now))
        elif wake_at is not None and now >= wake_at:
            self._carry_out(self.dispatcher.wake(now))

    def _carry_out(self, decided: Decided) -> None:
        for segment in decided.starts:
            if segment.package:
                raise PolicyError(
                    f"policy {self.dispatcher.policy_name!r} handed out a package (Dispatch(..., then=...)), and Ray "
                    "Tune reports each trial by itself; choose another policy"
                )
            restores = self.state.trials[segment.trial].score is not None
            self._progress[segment.trial] = Progress(segment, self.boundary[segment.trial], restores)
        self.to_start += decided.starts
        self.stopped += decided.stops

    def ready(self, trial: TrialId, *, fresh: bool) -> None:
        """Note that the worker's actor has the trial. `fresh`: the actor was started for it."""
        if (progress := self._progress.get(trial)) is not None:
            progress.ready_at, progress.fresh = self.clock.now(), fresh

    def report(self, trial: TrialId, iteration: int, seconds: float) -> bool:
        """Note a report: the trial has reached that `training_iteration` after a step of `seconds`
        seconds. Returns whether its segment is done."""
        progress = self._progress.get(trial)
        if progress is None:
            logger.warning("a result of trial %s came after its segment was lost; it does not count", trial)
            return False
        progress.report(self.clock.now(), iteration, seconds)
        return iteration >= progress.target

    def progress_of(self, trial: TrialId) -> Progress | None:
        """The progress of the trial's segment. None: no segment runs."""
        return self._progress.get(trial)

    # How segments end.

    def end(
        self,
        trial: TrialId,
        score: float | None,
        metrics: dict[str, float | None],
        perturb: Callable[[Trial], Exploit | None],
        *,
        in_steps: bool,
        over: str | None = None,
    ) -> Segment | None:
        """End the segment of a trial that was saved. `over` is the reason if Tune ends the trial.

        Returns the segment with which the trial goes on in its actor. None: it does not go on
        there. Raises PolicyError if the policy dispatches a package.
        """
        self.decide()
        now, progress = self.clock.now(), self._progress.pop(trial)
        segment, dispatcher = progress.segment, self.dispatcher
        if not progress.done:
            dispatcher.lose_segment(now, trial, over or "nothing was trained")
        else:
            parts = progress.parts(now, in_steps=in_steps)
            self.boundary[trial] = progress.iteration
            kind, worker = self.state.trials[trial].kind, self.state.workers[segment.worker].type
            self.measured.segment(kind, worker, progress.train_steps(in_steps=in_steps), parts)
            ended = SegmentEnded(
                now, trial, segment.worker, progress.done, score, parts, metrics=metrics, segment=segment.segment
            )
            dispatcher.end_segment(ended, (lambda trial: None) if over else perturb)
        if over and self.state.trials[trial].completed is None:
            dispatcher.record(TrialCompleted(now, trial, over))
        before = len(self.to_start)
        self._carry_out(dispatcher.dispatch(now))
        here = (trial, segment.worker)
        for number, start in enumerate(self.to_start[before:], before):
            if (start.trial, start.worker) == here and self.state.trials[trial].at is not None:
                return self.to_start.pop(number)
        return None

    def lose(self, trial: TrialId, reason: str, *, for_good: bool) -> Segment | None:
        """Record that the trial failed. `for_good`: Tune does not try again. Returns the lost
        segment. None: none ran."""
        self.decide()
        segment = self.state.running.get(trial)
        if segment is not None:
            self._drop(trial)
            self.dispatcher.lose_segment(self.clock.now(), trial, reason)
        if for_good and self.state.trials[trial].completed is None:
            self.dispatcher.record(TrialCompleted(self.clock.now(), trial, f"{FAILED}{reason}"))
        self.ask_policy = True
        return segment

    def remove(self, trial: TrialId, reason: str) -> None:
        """Record that Tune ends a waiting trial."""
        self.decide()
        known = self.state.trials[trial]
        if known.completed is None:
            self._drop(trial)
            if trial in self.state.running:
                self.dispatcher.lose_segment(self.clock.now(), trial, reason)
            self.dispatcher.record(TrialCompleted(self.clock.now(), trial, reason))
            self.ask_policy = True

    def forget(self, gone: Callable[[Segment], bool]) -> None:
        """Drop the segments for which `gone` is true, running or not yet started. Nothing runs
        there any more."""
        for trial in [trial for trial, one in self._progress.items() if gone(one.segment)]:
            self._drop(trial)

    def _drop(self, trial: TrialId) -> None:
        self._progress.pop(trial, None)
        self.to_start = [start for start in self.to_start if start.trial != trial]

    def close(self, error: BaseException | None) -> None:
        """Record the end of the experiment, and close the log."""
        now = self.clock.tick()
        for trial in list(self.state.running):
            self.dispatcher.lose_segment(now, trial, "Ray Tune ended the experiment")
        if error is not None:
            reason = failed(error)
        else:
            reason = COMPLETED if self.state.finished else "Ray Tune ended the experiment"
        self.dispatcher.record(RunEnded(now, reason))
        self._log.close()
