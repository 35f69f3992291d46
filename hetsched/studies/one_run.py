"""One run, carried out by a backend and measured."""

from pathlib import Path
from typing import NamedTuple

from hetsched.analysis.metrics import Measurement, Metrics
from hetsched.core.applied_events import followed
from hetsched.core.dispatcher import Listener
from hetsched.core.events import RunStarted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.domain.user_files import registered_again
from hetsched.errors import InputError
from hetsched.scenario.scenario import Scenario, Setup, resolved
from hetsched.studies.backends import backend


class RunResult(NamedTuple):
    """The figures of a run, its log, the seconds that its policy took on this host, and the number
    of calls. The last two are None if the run was only read from its log: a log does not have
    them."""

    metrics: Metrics
    log: Path
    decision_s: float | None
    decisions: int | None


def carry_out(
    name: str,
    scenario: Scenario | Setup,
    strategy: Strategy,
    seed: int,
    folder: Path,
    listen: Listener | None = None,
) -> tuple[RunResult, State]:
    """Run a strategy on the backend of that name. Also returns the state at the end.

    `folder` must not have a log yet, except that of a real run which goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    setup = resolved(scenario)
    measurement = Measurement(setup)
    listeners: list[Listener] = [measurement] if listen is None else [measurement, listen]
    with registered_again(setup.policy_files):
        outcome = backend(name).run(setup, strategy, seed, folder, listeners)
    metrics = measurement.metrics(outcome.state)
    return RunResult(metrics, folder / LOG_NAME, outcome.decision_s, outcome.decisions), outcome.state


def look_up(setup: Setup, log: Path, wanted: tuple[Strategy, int] | None = None) -> tuple[RunResult, State]:
    """A run that was carried out before, and its state at the end, by its log.

    Raises InputError, naming the log, if it is of another scenario, of another strategy or seed
    than `wanted`, or was altered.
    """
    measurement, state = Measurement(setup), State()
    for event in followed(read_log(log), state, log):
        if isinstance(event, RunStarted):
            check_run(log, event, setup, wanted)
        measurement(state, event)
    return RunResult(measurement.metrics(state), log, None, None), state


def check_run(log: Path, run: RunStarted, setup: Setup, wanted: tuple[Strategy, int] | None = None) -> None:
    """Raise InputError, naming the log, if the run is not of the scenario, or not of the wanted
    strategy and seed."""
    if run.scenario != setup.scenario.name:
        raise InputError(
            f"{log}: is the log of a run of the scenario {run.scenario!r}, but the scenario.toml beside or above it "
            f"is {setup.scenario.name!r}: put the run's own scenario.toml beside the log"
        )
    if wanted is not None and (run.strategy, run.seed) != (str(wanted[0]), wanted[1]):
        raise InputError(
            f"{log}: is the log of {run.strategy} with seed {run.seed}, where {wanted[0]} with seed {wanted[1]} was "
            "expected: put that back, or remove the folder, and it is run again"
        )
