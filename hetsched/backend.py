"""Backends: what carries a run out. They are found by entry point, as this package may import none of them."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, Protocol

from hetsched.dispatcher import Dispatcher
from hetsched.errors import InputError
from hetsched.events import Event
from hetsched.registry import Strategy
from hetsched.scenario import Scenario
from hetsched.state import State

LOG_NAME = "events.jsonl"

Listener = Callable[[State, Event], None]


class Outcome(NamedTuple):
    """The state that a run ended in, and what its policy cost on this host: calls, and seconds inside it."""

    state: State
    decisions: int
    decision_s: float

    @classmethod
    def of(cls, dispatcher: Dispatcher) -> "Outcome":
        return cls(dispatcher.state, dispatcher.decisions, dispatcher.decision_s)


class Backend(Protocol):
    """Runs a strategy on a scenario under a seed and writes the log `folder/events.jsonl`.

    Raises PolicyError if the policy fails, HetschedError if the run does; the log keeps what happened.
    """

    def __call__(
        self,
        scenario: Scenario,
        strategy: Strategy,
        seed: int,
        folder: Path,
        listen: Listener | None = None,
    ) -> Outcome: ...


def backend(name: str) -> Backend:
    """The backend of that name: `sim` or `ray`. Raises InputError if what it needs is not installed."""
    for point in entry_points(group="hetsched.backends", name=name):
        try:
            loaded: Backend = point.load()
        except ModuleNotFoundError as error:
            raise InputError(
                f"the {name} backend needs {error.name}, which is not installed: pip install 'hetsched[real]'"
            ) from error
        return loaded
    raise InputError(f"no backend {name!r} is installed; reinstall hetsched")
