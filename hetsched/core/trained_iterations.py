"""The iterations that the trials of a log have done."""

from typing import NamedTuple

from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    RunStarted,
    SegmentEnded,
    SegmentStarted,
    TrialAdded,
    TrialExploited,
)
from hetsched.core.run_course import batch_size_fault
from hetsched.core.running_segments import RAY_TUNE
from hetsched.domain.workload import BATCH_SIZE, Experiment, ExperimentId, TrialId


class Done(NamedTuple):
    """Iterations of a trial. `furthest` is the most of any state that the trial could fall back
    to."""

    iterations: int
    furthest: int

    def trained(self, iterations: int) -> "Done":
        total = self.iterations + iterations
        return Done(total, max(self.furthest, total))


class TrainedIterations:
    """Compares segments, lost checkpoints and copies with the iterations of their trials."""

    def __init__(self) -> None:
        self._experiments: dict[ExperimentId, Experiment] = {}
        self._to_add: dict[ExperimentId, int] = {}
        self._home: dict[TrialId, Experiment] = {}
        self._done: dict[TrialId, Done] = {}
        self._started = 0
        self._adds_at_once = True

    def fault(self, event: Event) -> str | None:
        """What contradicts the iterations before, in words. None: nothing, or the trial is unknown.
        Events must come in the order of the log."""
        match event:
            case SegmentStarted(trial=trial) if trial in self._done:
                return self._start_fault(event)
            case SegmentEnded(trial=trial) if trial in self._done:
                self._done[trial] = self._done[trial].trained(event.iterations)
            case TrialExploited(trial=trial) if trial in self._done:
                return self._copy_fault(event)
            case CheckpointLost(trial=trial) if trial in self._done:
                return self._fall_fault(event)
            case TrialAdded(trial=trial) if event.experiment in self._experiments:
                self._home[trial], self._done[trial] = self._experiments[event.experiment], Done(0, 0)
                self._to_add[event.experiment] -= 1
            case ExperimentArrived(experiment=experiment):
                self._experiments[experiment.id] = experiment
                self._to_add[experiment.id] = experiment.population
            case RunStarted():
                self._adds_at_once = event.backend != RAY_TUNE
        return None

    def _start_fault(self, event: SegmentStarted) -> str | None:
        trial, home = event.trial, self._home[event.trial]
        self._started += 1
        left = home.stop_iterations - self._done[trial].iterations
        if not 1 <= event.iterations <= left:
            return f"{trial} starts {event.iterations} iterations, {left} remain"
        if event.segment != self._started:
            return f"{trial} starts segment {event.segment}, expected {self._started}"
        if self._adds_at_once and (to_add := self._to_add[home.id]):
            return f"{trial} starts, and {home.id} has {home.population - to_add} of {home.population} trials"
        return None

    def _copy_fault(self, event: TrialExploited) -> str | None:
        trial, source, home = event.trial, event.source, self._home[event.trial]
        if source not in self._done:
            return f"{trial} exploits {source}, no such trial"
        if home.searches_batch_size and BATCH_SIZE in event.hyperparameters:
            fault = batch_size_fault(trial, home, event.hyperparameters[BATCH_SIZE])
            if fault is not None:
                return fault
        if home.counts_lineage:
            copied = self._done[source]
            self._done[trial] = Done(copied.iterations, max(self._done[trial].furthest, copied.furthest))
        return None

    def _fall_fault(self, event: CheckpointLost) -> str | None:
        done, home = self._done[event.trial], self._home[event.trial]
        most = done.furthest if home.counts_lineage else done.iterations
        if event.iterations > most:
            return f"{event.trial} falls back to {event.iterations} iterations, of {most}"
        self._done[event.trial] = done._replace(iterations=event.iterations)
        return None
