"""What must hold of every simulated run, on any cluster: checked on the log. What must hold of
every policy is in test_conformance.py."""

import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched import allocation, scheduling
from hetsched.core.events import (
    Event,
    SegmentEnded,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import state_of
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.checks import profiled_workers
from hetsched.scenario.scenario import Setup
from hetsched.testing import check_log
from sim.engine import simulate
from tests.conftest import ROWS, make_setup

node = st.fixed_dictionaries(
    {"cores": st.integers(1, 8), "gpus": st.integers(0, 2), "gpu_type": st.sampled_from(["k80", "v100"])}
).map(lambda n: n if n["gpus"] else {"cores": n["cores"]})

scenarios = st.builds(
    lambda nodes, population, stop, interval, target, iterations: make_setup(
        [{"name": f"n{i}", **n} for i, n in enumerate(nodes)],
        population=population,
        stop_iterations=stop,
        stop_score=target,
        pbt={"perturbation_interval": interval, "iterations": iterations},
    ),
    nodes=st.lists(node, min_size=1, max_size=4),
    population=st.integers(1, 9),
    stop=st.integers(1, 60),
    interval=st.integers(1, 25),
    target=st.sampled_from([None, 0.2]),
    iterations=st.sampled_from(["own", "lineage"]),
)


def log_of(setup: Setup, strategy: Strategy, seed: int) -> list[Event]:
    """The log of a run, which adds up to the state that the run really ended in."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = simulate(setup, strategy, seed, Path(folder))
        events: list[Event] = list(read_log(Path(folder) / LOG_NAME))
    assert check_log(events).snapshot() == outcome.state.snapshot()
    return events


@given(setup=scenarios, seed=st.integers(0, 3), data=st.data())
def test_a_log_is_in_order_and_replays_to_the_same_state_from_any_point(
    setup: Setup, seed: int, data: st.DataObject
) -> None:
    events = log_of(setup, Strategy("fusion", "hrfs"), seed)
    assert [event.time for event in events] == sorted(event.time for event in events)
    cut = data.draw(st.integers(0, len(events)))
    state = state_of(events[:cut])
    for event in events[cut:]:
        state.apply(event)
    assert state.snapshot() == state_of(events).snapshot()
    assert state.ended == "completed"
    assert state.finished and not state.running
    assert len(state.idle) == len(state.workers)


@given(setup=scenarios, seed=st.integers(0, 3))
def test_no_iteration_is_lost_or_trained_twice(setup: Setup, seed: int) -> None:
    (experiment,) = setup.workload.experiments
    done: defaultdict[str, int] = defaultdict(int)
    reasons: dict[str, str] = {}
    for event in log_of(setup, Strategy("fusion", "hrfs"), seed):
        if isinstance(event, SegmentEnded):
            assert event.trial not in reasons
            done[event.trial] += event.iterations
        elif isinstance(event, TrialExploited) and experiment.counts_lineage:
            done[event.trial] = done[event.source]
        elif isinstance(event, TrialCompleted):
            assert event.trial not in reasons
            reasons[event.trial] = event.reason
    assert sorted(reasons) == sorted(done) == experiment.trial_ids()
    for trial, iterations in done.items():
        assert iterations <= experiment.stop_iterations
        assert iterations == experiment.stop_iterations or reasons[trial].startswith("accuracy")


@given(
    policy=st.sampled_from(scheduling.policies.names()),
    workers=st.sampled_from(allocation.policies.names()),
    nodes=st.lists(st.sampled_from(["k80", "v100"]), min_size=1, max_size=3),
    gone=st.sets(st.tuples(st.sampled_from(["k80", "v100", "cpu"]), st.sampled_from([32, 64])), max_size=3),
    population=st.integers(2, 6),
    pbt=st.booleans(),
)
def test_trials_run_only_where_the_profile_has_their_step_time(
    policy: str,
    workers: str,
    nodes: list[str],
    gone: set[tuple[str, int]],
    population: int,
    pbt: bool,
) -> None:
    rows = [
        row.model_copy(update={"batch_size": batch})
        for row in ROWS
        for batch in (32, 64)
        if (row.device, batch) not in gone
    ]
    setup = make_setup(
        [{"name": f"n{i}", "cores": 2, "gpus": 1, "gpu_type": gpu} for i, gpu in enumerate(nodes)],
        rows,
        batch_size=[32, 64],
        population=population,
        pbt={"perturbation_interval": 5, "enabled": pbt},
    )
    strategy = Strategy(workers, policy)
    types = {worker.type for worker in setup.workers(strategy)}
    kinds = setup.workload.experiments[0].kinds
    if not all(any(setup.times.seconds_per_iteration(kind, one) for one in types) for kind in kinds):
        with pytest.raises(InputError, match="the profile has no"):
            profiled_workers(setup, strategy)
        return
    events = log_of(setup, strategy, 0)
    state = state_of(events)
    on = {event.worker.id: event.worker.type for event in events if isinstance(event, WorkerJoined)}
    for event in events:
        if isinstance(event, SegmentStarted):
            kind = state.trials[event.trial].kind
            assert setup.times.seconds_per_iteration(kind, on[event.worker]) is not None
    assert all(trial.completed is not None for trial in state.trials.values())


def test_exploits_copy_better_trials_and_explore_around_them() -> None:
    setup = make_setup(population=8, stop_iterations=200)
    events = log_of(setup, Strategy("fusion", "least-progress"), 1)
    current: dict[str, dict[str, float]] = {}
    scores: dict[str, float] = {}
    exploits, factors, drawn = 0, list[float](), 0
    for event in events:
        if isinstance(event, TrialAdded):
            current[event.trial] = event.hyperparameters
        elif isinstance(event, SegmentEnded):
            assert event.score is not None
            scores[event.trial] = event.score
        elif isinstance(event, TrialExploited):
            exploits += 1
            assert scores[event.source] >= scores[event.trial]
            for key, value in event.hyperparameters.items():
                factor = value / current[event.source][key]
                if any(abs(factor - by) < 1e-9 for by in (0.8, 1.2)):
                    factors.append(factor)
                else:
                    assert 0.0001 <= value <= 1.0
                    drawn += 1
            current[event.trial] = event.hyperparameters
            scores[event.trial] = scores[event.source]
    assert exploits > 5
    assert 0.5 < len(factors) / (len(factors) + drawn) < 1  # a quarter of all values is drawn anew
    assert 0.25 < sum(factor < 1 for factor in factors) / len(factors) < 0.75  # either factor as often
