"""Whether one driver serves the workers of a real run."""

import logging
from collections.abc import Iterable

from hetsched.domain.cluster import WorkerType
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment
from hetsched.scenario.scenario import Setup

logger = logging.getLogger(__name__)

DRIVER_S = 0.0027
"""The CPU seconds of the driver per segment, with 8 workers on two cores: docs/measured/driver.csv,
which `pytest benchmarks/test_driver.py --benchmark-only --keep` writes."""

MOST = 0.9
"""Above this load a run takes over 5% longer in simulation: `python -m benchmarks.driver_reach`."""


def driver_load(setup: Setup, strategy: Strategy) -> float:
    """The share of the time for which the driver is busy. Above 1, results wait for the driver.

    Every worker is taken to train whole intervals of the trials whose segments are shortest on it.
    A worker that can train nothing adds 0.
    """
    types = [worker.type for worker in setup.workers(strategy)]
    shortest_s = {name: _shortest_segment_s(setup, name) for name in dict.fromkeys(types)}
    return sum(DRIVER_S / seconds for name in types if (seconds := shortest_s[name]) is not None)


def overload(setup: Setup, strategy: Strategy) -> str | None:
    """A warning in words if one driver is busy for more than `MOST` of the time. None: the driver
    is not overloaded."""
    load = driver_load(setup, strategy)
    if load <= MOST:
        return None
    return (
        f"{strategy}: one driver needs {DRIVER_S * 1000:g} ms per segment, so with these workers it would be "
        f"busy for {load:.0%} of the time: results wait; set a longer pbt.perturbation_interval, or use fewer workers"
    )


def warn_of_overload(setup: Setup, strategies: Iterable[Strategy]) -> None:
    """Warn of each strategy with whose workers one driver would be overloaded."""
    for strategy in strategies:
        if (said := overload(setup, strategy)) is not None:
            logger.warning("%s", said)


def _shortest_segment_s(setup: Setup, worker: WorkerType) -> float | None:
    found = [_segments_s(setup, each, worker) for each in setup.workload.experiments if each.may_use(worker.device)]
    return min((seconds for of_one in found for seconds in of_one if seconds > 0), default=None)


def _segments_s(setup: Setup, experiment: Experiment, worker: WorkerType) -> list[float]:
    gang, times = worker.gang(experiment.gang), setup.charged_times
    steps = {kind: times.seconds_per_iteration(kind, gang) for kind in experiment.kinds}
    costs = {kind: times.costs(kind, gang) for kind, step in steps.items() if step is not None}
    return [
        experiment.interval * step
        + experiment.evaluation_images * costs[kind].evaluation_s_per_image
        + costs[kind].checkpoint_s
        for kind, step in steps.items()
        if step is not None
    ]
