"""One run: carried out by a backend, and measured on the way."""

from pathlib import Path
from typing import NamedTuple

from hetsched.analysis.metrics import Measurement, Metrics
from hetsched.core.events import Event
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Scenario
from hetsched.studies.backends import Listener, backend


class Run(NamedTuple):
    """The figures of a run, its log, the seconds that its policy took on this host, and in how many calls (none if the
    run was only looked up)."""

    metrics: Metrics
    log: Path
    decision_s: float
    decisions: int


def carry_out(
    name: str, scenario: Scenario, strategy: Strategy, seed: int, folder: Path, listen: Listener | None = None
) -> tuple[Run, State]:
    """Run a strategy on the backend of that name, and return also the state that it ended in.

    `folder` must not hold a log yet, but for a real run that is to go on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measurement = Measurement(scenario)
    follow = measurement if listen is None else _both(measurement, listen)
    outcome = backend(name)(scenario, strategy, seed, folder, follow)
    metrics = measurement.metrics(outcome.state)
    return Run(metrics, folder / LOG_NAME, outcome.decision_s, outcome.decisions), outcome.state


def look_up(scenario: Scenario, log: Path) -> tuple[Run, State]:
    """A run that was carried out before, and the state that it ended in, by its log."""
    measurement, state = Measurement(scenario), State()
    for event in read_log(log):
        state.apply(event)
        measurement(state, event)
    return Run(measurement.metrics(state), log, 0.0, 0), state


def _both(first: Listener, second: Listener) -> Listener:
    def listen(state: State, event: Event) -> None:
        first(state, event)
        second(state, event)

    return listen
