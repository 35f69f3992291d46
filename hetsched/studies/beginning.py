"""How a run begins, on every backend."""

from collections.abc import Iterable

from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import LOG_VERSION, RunPredicted, RunStarted, WorkerJoined
from hetsched.domain.cluster import Worker
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup


def begin(
    dispatcher: Dispatcher, name: str, setup: Setup, strategy: Strategy, seed: int, workers: Iterable[Worker]
) -> None:
    """Record the run, the name of its backend, its prediction and its workers. Then set the policy
    up for the run."""
    dispatcher.record(
        RunStarted(
            0.0, setup.scenario.name, str(strategy), name, seed, setup.paced, setup.synthetic, log_version=LOG_VERSION
        )
    )
    if (predicted := setup.prediction) is not None:
        dispatcher.record(RunPredicted(0.0, predicted.strategy, predicted.makespan_s, predicted.interval_s))
    for worker in workers:
        dispatcher.record(WorkerJoined(0.0, worker))
    set_up(dispatcher, setup, strategy, seed)


def set_up(dispatcher: Dispatcher, setup: Setup, strategy: Strategy, seed: int) -> None:
    """Set the policy up for the run."""
    rng = stream(seed, "policy", strategy.scheduling)
    dispatcher.set_up(setup.cluster, setup.workload, rng)
