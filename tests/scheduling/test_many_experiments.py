"""What a segment costs does not grow with the experiments that have ended, or that wait."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetsched import scheduling
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import Parts, SegmentEnded
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.scenario.tables import MetricsTable
from hetsched.studies.beginning import begin
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, make_setup
from tests.counting import calls_of, steps_of


@pytest.mark.parametrize("policy", ["era", "eta", "hrfs", "sequential-halving"])
def test_experiments_that_have_ended_cost_nothing(policy: str, tmp_path: Path) -> None:
    """Each decision, or each arrival, looked at all experiments that had ever come."""

    def calls_per_experiment(number: int) -> float:
        experiments = [
            {"name": f"e{one}", "population": 1, "stop_iterations": 20, "arrival_s": 200.0 * one}
            for one in range(number)
        ]
        setup = make_setup([{"name": "a", "cores": 1, "count": 2}], overheads=NO_OVERHEADS, experiments=experiments)
        setup = setup.replace(metrics=MetricsTable(deadline_s=1e7))
        (folder := tmp_path / str(number)).mkdir()
        return calls_of(lambda: simulate(setup, Strategy("fusion", policy), 0, folder)) / number

    calls_per_experiment(5)  # imports
    assert calls_per_experiment(120) < 1.2 * calls_per_experiment(30)


def steps_of_a_call(policy: str, waiting: int, **options: Any) -> int:
    """The steps of the call after a segment's end, while about so many experiments wait for two
    workers."""
    experiments = [{"name": f"e{one}", "population": 3, "stop_iterations": 60} for one in range(waiting)]
    setup = make_setup([{"name": "a", "cores": 1, "count": 2}], experiments=experiments)
    strategy, state = Strategy("fusion", policy), State()
    dispatcher = Dispatcher(state, scheduling.policies.create(policy, options), policy, setup.charged_times)
    dispatcher.set_up(setup.cluster, setup.workload, np.random.default_rng(0))
    begin(dispatcher, "test", setup, strategy, 0, setup.workers(strategy))
    for experiment in setup.workload.experiments:
        dispatcher.arrive(0.0, experiment, 0)
    dispatcher.dispatch(0.0)
    for time in (10.0, 20.0):
        [first, *_] = state.running.values()
        for one in [one for one in state.running.values() if one.worker == first.worker]:
            parts = Parts(0.0, 0.0, 10.0, 0.0, 0.0, 0.0)
            dispatcher.end_segment(
                SegmentEnded(time, one.trial, one.worker, one.iterations, 0.5, parts), lambda _: None
            )
        steps = steps_of(partial(dispatcher.dispatch, time))
    return steps


@pytest.mark.parametrize("policy", ["era", "eta", "pbt-sync"])
def test_experiments_that_wait_cost_nothing(policy: str) -> None:
    """Each call looked at the first trial of every experiment."""
    assert steps_of_a_call(policy, 200) < 1.2 * steps_of_a_call(policy, 10)


@pytest.mark.parametrize("policy", ["era", "eta"])
def test_workers_that_retire_do_not_look_at_every_trial(policy: str, tmp_path: Path) -> None:
    """A worker that had retired looked at all waiting trials of the experiments that it had left."""

    def steps_of_a_run(population: int) -> float:
        experiments = [{"name": f"e{one}", "population": population, "stop_iterations": 50} for one in range(6)]
        nodes = [{"name": "a", "cores": 1, "count": 12}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}]
        setup = make_setup(nodes, overheads=NO_OVERHEADS, experiments=experiments)
        setup = setup.replace(scheduling={policy: {"gpa": True}})
        (folder := tmp_path / str(population)).mkdir()
        return calls_of(lambda: simulate(setup, Strategy("fusion", policy), 0, folder)) / population

    steps_of_a_run(2)  # imports
    assert steps_of_a_run(40) < 1.2 * steps_of_a_run(10)


@pytest.mark.parametrize("deadline_s", [1e5, 1000.0])
def test_experiments_that_wait_cost_hypersched_nothing(deadline_s: float) -> None:
    """Each call looked for a reason to stop any of the trials."""
    few, many = (steps_of_a_call("hypersched", waiting, deadline_s=deadline_s) for waiting in (10, 200))
    assert many < 1.2 * few
