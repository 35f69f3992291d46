"""One run: carried out by a backend, then measured on its log."""

from pathlib import Path
from typing import NamedTuple

from hetsched.backend import LOG_NAME, HostTime, Listener, backend
from hetsched.metrics import Metrics, measure_log
from hetsched.registry import Strategy
from hetsched.scenario import Scenario


class Run(NamedTuple):
    """The figures of a run, what its policy cost on this host, and its log."""

    metrics: Metrics
    host: HostTime
    log: Path


def carry_out(
    name: str, scenario: Scenario, strategy: Strategy, seed: int, folder: Path, listen: Listener | None = None
) -> Run:
    """Run a strategy on the backend of that name. `folder` must not hold a log yet."""
    folder.mkdir(parents=True, exist_ok=True)
    host = backend(name)(scenario, strategy, seed, folder, listen)
    log = folder / LOG_NAME
    return Run(measure_log(log, scenario), host, log)
