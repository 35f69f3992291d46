"""The table of decisions: one row per decision of the policy, and per exploit of PBT."""

from collections.abc import Iterator

from hetsched.analysis.tidy.columns import Column, Row, hyperparameter_columns
from hetsched.core.events import Event, SegmentStarted, TrialCompleted, TrialExploited
from hetsched.core.state import State

COLUMNS = (
    Column("decision", "int", "the number of the decision in its run, from 1"),
    Column("time_s", "float", "when it was taken, since the start of the run", "s"),
    Column("kind", "text", "`dispatch` or `stop` by the policy, `exploit` by PBT"),
    Column("trial", "text", "the trial that it concerns"),
    Column("worker", "text", "where a dispatch has the trial train; of a gang, the first worker"),
    Column("others", "text", "the further workers of a gang, with spaces between"),
    Column("segment", "int", "the number of the segment that a dispatch began"),
    Column("iterations", "int", "how many iterations a dispatch has the trial train", "iterations"),
    Column("source", "text", "the trial whose weights an exploit took over"),
    Column("reason", "text", "why the policy stopped the trial"),
    Column("ready_trials", "int", "trials that waited when it was taken, this one among them"),
    Column("idle_workers", "int", "workers that were idle when it was taken"),
)


class Decisions:
    """The rows of decisions. Hyperparameters are those with which a trial goes on after an
    exploit."""

    def __init__(self) -> None:
        self._decision = 0

    def __call__(self, state: State, event: Event) -> Iterator[Row]:
        ready, idle = len(state.ready), len(state.idle)
        if isinstance(event, SegmentStarted):
            started = self._row(event, "dispatch", ready + 1, idle + len(event.workers))
            where = {"worker": event.worker, "others": " ".join(event.others) or None}
            yield started | where | {"segment": event.segment, "iterations": event.iterations}
        elif isinstance(event, TrialCompleted):
            if event.is_by_policy:
                yield self._row(event, "stop", ready + 1, idle) | {"reason": event.reason}
        elif isinstance(event, TrialExploited):
            row = self._row(event, "exploit", ready, idle) | {"source": event.source}
            yield row | hyperparameter_columns(event.hyperparameters)

    def rest(self, state: State) -> Iterator[Row]:
        """No rows: every decision has had its row."""
        yield from ()

    def _row(self, event: SegmentStarted | TrialCompleted | TrialExploited, kind: str, ready: int, idle: int) -> Row:
        self._decision += 1
        return {
            "decision": self._decision,
            "time_s": event.time,
            "kind": kind,
            "trial": event.trial,
            **dict.fromkeys(("worker", "others", "segment", "iterations", "source", "reason")),
            "ready_trials": ready,
            "idle_workers": idle,
        }
