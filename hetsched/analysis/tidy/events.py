"""The table of events: one row per line of a log."""

from collections.abc import Iterator
from typing import Any

import msgspec

from hetsched.analysis.tidy.columns import Column, Row
from hetsched.core.events import Event
from hetsched.core.state import State

COLUMNS = (
    Column("line", "int", "the line of the log, from 1"),
    Column("time_s", "float", "when it happened, since the start of the run", "s"),
    Column("event", "text", "what happened"),
    Column("segment", "int", "the number of the segment that it concerns"),
    Column("trial", "text", "the trial that it concerns"),
    Column("worker", "text", "the worker that it concerns"),
    Column("node", "text", "the node that it concerns"),
    Column("experiment", "text", "the experiment that it concerns"),
    Column("iterations", "int", "the iterations that it names", "iterations"),
    Column("score", "float", "the score that it names"),
    Column("reason", "text", "why it happened"),
    Column("details", "text", "its other fields, as JSON"),
)

_PLAIN = ("segment", "trial", "node", "iterations", "score", "reason")
_NAMED = ("worker", "experiment")


class Events:
    def __init__(self) -> None:
        self._line = 0

    def __call__(self, state: State, event: Event) -> Iterator[Row]:
        self._line += 1
        fields: dict[str, Any] = msgspec.to_builtins(event)
        row = {"line": self._line, "time_s": fields.pop("time"), "event": fields.pop("event")}
        row |= {name: fields.pop(name, None) for name in _PLAIN}
        for name in _NAMED:
            value = fields.get(name)
            row[name] = value["id"] if isinstance(value, dict) else fields.pop(name, None)
        row["details"] = msgspec.json.encode(fields).decode() if fields else None
        yield row

    def rest(self, state: State) -> Iterator[Row]:
        """No rows: every event has had its row."""
        yield from ()
