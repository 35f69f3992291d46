"""The tables by name, and their rows of a log."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from hetsched.analysis.tidy import decisions, events, resources, segments, trials, workers
from hetsched.analysis.tidy.columns import LOG, OF_RUN, Column, Row
from hetsched.core.applied_events import followed
from hetsched.core.events import Event, RunStarted
from hetsched.core.log import read_log
from hetsched.core.state import State


class Follower(Protocol):
    """Makes the rows of one run for a table. Call it with the state and every event, after the
    event was applied to the state. At the end call `rest` once."""

    def __call__(self, state: State, event: Event) -> Iterator[Row]: ...

    def rest(self, state: State) -> Iterator[Row]: ...


class Table(NamedTuple):
    """A table. `thing` says what has a row. Beside its fixed columns a table may have columns of
    hyperparameters and metrics."""

    thing: str
    own: tuple[Column, ...]
    follow: Callable[[], Follower]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns that every row has."""
        return (*OF_RUN, *self.own, LOG)


TABLES = {
    "events": Table("line of a log", events.COLUMNS, events.Events),
    "segments": Table("segment", segments.COLUMNS, segments.Segments),
    "trials": Table("trial", trials.COLUMNS, trials.Trials),
    "workers": Table("worker", workers.COLUMNS, workers.Workers),
    "decisions": Table("decision of the policy or exploit of PBT", decisions.COLUMNS, decisions.Decisions),
    "resources": Table("sample of a node's cores or of a GPU", resources.COLUMNS, resources.Resources),
}
"""The tables, by name."""


def rows(log: Path, names: Collection[str] = tuple(TABLES), called: str | None = None) -> Iterator[tuple[str, Row]]:
    """The rows of a log, each with the name of its table. `called` is the value of the column `log`
    (default: the path).

    The log is read only once. Raises InputError, with file and line, for a damaged log.
    """
    following = [(name, TABLES[name].follow()) for name in names]
    last = {LOG.name: str(log) if called is None else called}
    first: Row = dict.fromkeys(column.name for column in OF_RUN)
    state = State()
    for event in followed(read_log(log), state, log):
        if isinstance(event, RunStarted):
            first = {"strategy": event.strategy, "seed": event.seed, "backend": event.backend}
        for name, follower in following:
            for row in follower(state, event):
                yield name, first | row | last
    for name, follower in following:
        for row in follower.rest(state):
            yield name, first | row | last
