"""The course of a run in its log: it begins once, it may end and be resumed, it leaves no trial
open, and nothing comes that is there already."""

from hetsched.core.events import (
    COMPLETED,
    Event,
    ExperimentArrived,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import Experiment, ExperimentId, TrialId

_RUN = frozenset({RunStarted, RunResumed, RunEnded})
_STEPS = _RUN | {ExperimentArrived, TrialAdded, TrialCompleted, TrialExploited, WorkerJoined, WorkerLeft}


class RunCourse:
    """Compares the beginnings and the ends of a run, of its trials, and of its workers' stays.

    A run that was cut short may leave trials open. Then it has another reason than `COMPLETED`, or
    no end.
    """

    def __init__(self, begun: bool = False) -> None:
        """`begun`: the events are those after the start of the run."""
        self._begun = self._goes_on = begun
        self._experiments: dict[ExperimentId, Experiment] = {}
        self._trials: dict[TrialId, bool] = {}  # whether the trial is open
        self._workers: set[WorkerId] = set()

    def fault(self, event: Event) -> str | None:
        """What contradicts the events before, in words. None: nothing. Events must come in the
        order of the log."""
        kind = type(event)
        if self._goes_on and kind not in _STEPS:
            return None
        if not self._begun and kind is not RunStarted:
            return f"expected run-started, the first event of every log, found {kind.__name__}"
        if self._begun and kind is RunStarted:
            return "a second RunStarted, and a run starts once"
        if self._begun and not self._goes_on and kind is not RunResumed:
            return f"{kind.__name__} after the end of the run, which was not resumed"
        self._begun, self._goes_on = True, kind is not RunEnded
        return self._end_fault(event) if kind in _RUN else self._fault_of_one(event)

    def _end_fault(self, event: Event) -> str | None:
        """What the end of a run contradicts."""
        if isinstance(event, RunEnded) and event.reason == COMPLETED:
            left = next((name for name, is_open in self._trials.items() if is_open), None)
            return None if left is None else f"the run is completed, and no TrialCompleted of {left!r} stands before"
        return None

    def _fault_of_one(self, event: Event) -> str | None:
        """What the coming or going of an experiment, a trial or a worker contradicts, or a copy of a
        trial."""
        match event:
            case ExperimentArrived(experiment=experiment) if experiment.id in self._experiments:
                return f"{experiment.id} arrives twice"
            case ExperimentArrived(experiment=experiment):
                self._experiments[experiment.id] = experiment
            case TrialAdded():
                return self._added_fault(event)
            case TrialCompleted(trial=trial) if not self._trials.get(trial):
                known = trial in self._trials
                return f"{trial} is completed twice" if known else f"TrialCompleted of {trial!r}, no such trial"
            case TrialCompleted(trial=trial):
                self._trials[trial] = False
            case TrialExploited(trial=trial, source=source) if source == trial:
                return f"{trial} exploits itself"
            case WorkerJoined(worker=worker) if worker.id in self._workers:
                return f"{worker.id} joins, and has joined already"
            case WorkerJoined(worker=worker):
                self._workers.add(worker.id)
            case WorkerLeft(worker=name) if name not in self._workers:
                return f"{name} leaves, and is not there"
            case WorkerLeft(worker=name):
                self._workers.remove(name)
        return None

    def _added_fault(self, event: TrialAdded) -> str | None:
        """What a new trial contradicts."""
        trial, home, size = event.trial, self._experiments.get(event.experiment), event.batch_size
        if trial in self._trials:
            return f"{trial} is added twice"
        if home is None:
            return f"{trial} is of {event.experiment}, no such experiment"
        if (fault := batch_size_fault(trial, home, size)) is None:
            self._trials[trial] = True
        return fault


def batch_size_fault(trial: TrialId, experiment: Experiment, size: object) -> str | None:
    """That the experiment has no such batch size. None: it has."""
    if size in experiment.batch_sizes:
        return None
    return f"{trial} has a batch size of {size}, expected one of {', '.join(map(str, experiment.batch_sizes))}"
