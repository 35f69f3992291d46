"""The iterations that the trials of a log have done."""

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

_OTHERS = frozenset({CheckpointLost, ExperimentArrived, RunStarted, TrialAdded, TrialExploited})


class TrainedIterations:
    """Compares segments, lost checkpoints and copies with the iterations of their trials."""

    def __init__(self) -> None:
        self._experiments: dict[ExperimentId, Experiment] = {}
        self._to_add: dict[ExperimentId, int] = {}
        self._home: dict[TrialId, Experiment] = {}
        self._done: dict[TrialId, int] = {}
        self._furthest: dict[TrialId, int] = {}  # the most of any state that the trial could fall back to
        self._started = 0
        self._adds_at_once = True

    def fault(self, event: Event) -> str | None:
        """What contradicts the iterations before, in words. None: nothing, or the trial is unknown.
        Events must come in the order of the log."""
        if isinstance(event, SegmentStarted):
            return self._start_fault(event) if event.trial in self._done else None
        if isinstance(event, SegmentEnded):
            if event.trial in self._done:
                self._done[event.trial] += event.iterations
                self._furthest[event.trial] = max(self._furthest[event.trial], self._done[event.trial])
            return None
        return self._other_fault(event) if type(event) in _OTHERS else None

    def _other_fault(self, event: Event) -> str | None:
        match event:
            case TrialExploited(trial=trial) if trial in self._done:
                return self._copy_fault(event)
            case CheckpointLost(trial=trial) if trial in self._done:
                return self._fall_fault(event)
            case TrialAdded(trial=trial) if event.experiment in self._experiments:
                self._home[trial] = self._experiments[event.experiment]
                self._done[trial] = self._furthest[trial] = 0
                self._to_add[event.experiment] -= 1
                if self._adds_at_once and self._to_add[event.experiment] < 0:
                    return f"{trial} is added, and {event.experiment} has all its {self._home[trial].population} trials"
            case ExperimentArrived(experiment=experiment):
                self._experiments[experiment.id] = experiment
                self._to_add[experiment.id] = experiment.population
            case RunStarted():
                self._adds_at_once = event.backend != RAY_TUNE
        return None

    def _start_fault(self, event: SegmentStarted) -> str | None:
        trial, home = event.trial, self._home[event.trial]
        self._started += 1
        left = home.stop_iterations - self._done[trial]
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
            self._done[trial] = self._done[source]
            self._furthest[trial] = max(self._furthest[trial], self._furthest[source])
        return None

    def _fall_fault(self, event: CheckpointLost) -> str | None:
        most = (self._furthest if self._home[event.trial].counts_lineage else self._done)[event.trial]
        if event.iterations > most:
            return f"{event.trial} falls back to {event.iterations} iterations, of {most}"
        self._done[event.trial] = event.iterations
        return None
