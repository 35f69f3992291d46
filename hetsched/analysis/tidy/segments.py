"""The table of segments: one row per segment, also of a gang."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec.structs import asdict, fields

from hetsched.analysis.lineage import Family
from hetsched.analysis.tidy.columns import LOG, OF_RUN, Column, Row, hyperparameter_columns, metric_columns
from hetsched.core.events import Event, Parts, SegmentEnded, SegmentLost, SegmentStarted
from hetsched.core.state import State
from hetsched.domain.cluster import Worker
from hetsched.domain.workload import TrialId

PART_COLUMNS = (
    Column("start_up_s", "float", "of it: starting up the worker's process", "s"),
    Column("restore_s", "float", "of it: loading the trial's checkpoint", "s"),
    Column("train_s", "float", "of it: training", "s"),
    Column("evaluate_s", "float", "of it: evaluating", "s"),
    Column("checkpoint_s", "float", "of it: saving a checkpoint", "s"),
    Column("dispatch_s", "float", "of it: before the worker's first act and after its last one", "s"),
)

COLUMNS = (
    Column("segment", "int", "the number of the segment in its run, from 1"),
    Column("trial", "text", "the trial that was trained"),
    Column("experiment", "text", "the experiment of the trial"),
    Column("worker", "text", "the worker that trained it; of a gang, the first one"),
    Column("others", "text", "the further workers of a gang, with spaces between"),
    Column("node", "text", "the node of the worker"),
    Column("device", "text", "the device type of the worker"),
    Column(
        "start_s",
        "float",
        "when it began (in a package: when its worker did; of one that did not end, when the package began), since the "
        "start of the run",
        "s",
    ),
    Column(
        "end_s", "float", "when it ended (in a package: when it was done) or was lost, since the start of the run", "s"
    ),
    Column("state", "text", "`ended`, `lost` or, where the log ends before it, `running`"),
    Column("iterations", "int", "the iterations that it was to train", "iterations"),
    Column("total_iterations", "int", "the trial's count of iterations after it ended", "iterations"),
    Column("lineage_iterations", "int", "those behind its weights then, whichever trials trained them", "iterations"),
    Column("score", "float", "the value of the experiment's metric at its end"),
    Column("reason", "text", "why it was lost"),
    *PART_COLUMNS,
    Column("late_s", "float", "seconds of its training beyond what the worker's pace asks", "s"),
)

_TAKEN = {column.name for column in (*OF_RUN, *COLUMNS, LOG)}
_PARTS = [field.name for field in fields(Parts)]


class _Begun(NamedTuple):
    """A running segment, and its worker. The worker may have left when the segment is lost."""

    event: SegmentStarted
    worker: Worker


class Segments:
    """The rows of segments, in the order of their ends. Running ones come last."""

    def __init__(self) -> None:
        self._begun: dict[TrialId, _Begun] = {}
        self._family = Family()

    def __call__(self, state: State, event: Event) -> Iterator[Row]:
        self._family(event)
        if isinstance(event, SegmentStarted):
            self._begun[event.trial] = _Begun(event, state.workers[event.worker])
        elif isinstance(event, SegmentEnded):
            outcome = _outcome("ended", event.time) | asdict(event.parts)
            outcome |= {"score": event.score, "late_s": event.late_s}
            if event.worked is not None:
                outcome["start_s"], outcome["end_s"] = event.worked
            outcome["total_iterations"] = state.trials[event.trial].iterations
            outcome["lineage_iterations"] = self._family.behind(event.trial)
            row = self._row(state, event.trial, outcome)
            metric = state.experiments[row["experiment"]].metric.name
            yield row | metric_columns({metric: event.score, **event.metrics}, _TAKEN)
        elif isinstance(event, SegmentLost):
            yield self._row(state, event.trial, _outcome("lost", event.time) | {"reason": event.reason})

    def rest(self, state: State) -> Iterator[Row]:
        """The rows of segments that still run."""
        for trial in [*self._begun]:
            yield self._row(state, trial, _outcome("running", None))

    def _row(self, state: State, name: TrialId, outcome: Row) -> Row:
        begun, trial = self._begun.pop(name), state.trials[name]
        start = begun.event
        return {
            "segment": start.segment,
            "trial": name,
            "experiment": trial.experiment,
            "worker": start.worker,
            "others": " ".join(start.others) or None,
            "node": begun.worker.node,
            "device": begun.worker.device,
            "start_s": start.time,
            "iterations": start.iterations,
            **outcome,
            **hyperparameter_columns(trial.hyperparameters),
        }


def _outcome(state: str, end_s: float | None) -> dict[str, Any]:
    nothing = dict.fromkeys(("total_iterations", "lineage_iterations", "score", "reason", *_PARTS, "late_s"))
    return {"end_s": end_s, "state": state, **nothing}
