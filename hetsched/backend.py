"""Backends: what carries a run out. They are found by entry point, as this package may import none of them."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, Protocol

from hetsched.errors import InputError
from hetsched.events import Event
from hetsched.registry import Strategy
from hetsched.scenario import Scenario
from hetsched.state import State

LOG_NAME = "events.jsonl"

Listener = Callable[[State, Event], None]


class HostTime(NamedTuple):
    """What the run cost on this host: calls of the policy and seconds inside it."""

    decisions: int
    decision_s: float


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
    ) -> HostTime: ...


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
