"""Backends: what carries a run out. They are found by entry point, as this package may import none of them."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from hetsched.core.dispatcher import Dispatcher, Listener
from hetsched.core.events import LOG_VERSION, RunStarted, WorkerJoined
from hetsched.core.state import State
from hetsched.domain.cluster import Worker
from hetsched.domain.entry_points import load_part
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup


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

    If the folder has a log already, `ray` goes on with the run that it is of; `sim` raises InputError.

    Raises PolicyError if the policy fails, HetschedError if the run does; the log keeps what happened.
    """

    def __call__(
        self,
        setup: Setup,
        strategy: Strategy,
        seed: int,
        folder: Path,
        listeners: Sequence[Listener] = (),
    ) -> Outcome: ...


def begin(
    dispatcher: Dispatcher, name: str, setup: Setup, strategy: Strategy, seed: int, workers: Iterable[Worker]
) -> None:
    """Record how a run starts, on every backend: what it is, and its workers. Set the policy up for it."""
    dispatcher.record(
        RunStarted(
            0.0, setup.scenario.name, str(strategy), name, seed, setup.paced, setup.synthetic, log_version=LOG_VERSION
        )
    )
    for worker in workers:
        dispatcher.record(WorkerJoined(0.0, worker))
    set_up(dispatcher, setup, strategy, seed)


def set_up(dispatcher: Dispatcher, setup: Setup, strategy: Strategy, seed: int) -> None:
    """Set the policy up for the run, on every backend."""
    rng = stream(seed, "policy", strategy.scheduling)
    dispatcher.set_up(setup.cluster, setup.workload, rng)


@cache  # looking for entry points takes milliseconds
def backend(name: str) -> Backend:
    """The backend of that name: `sim` or `ray`. Raises InputError if what it needs is not installed."""
    loaded: Backend = load_part("hetsched.backends", name, f"the {name} backend")
    return loaded
