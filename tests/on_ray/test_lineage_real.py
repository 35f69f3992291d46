"""A real run in which copies take over counts of iterations, and PBT changes batch sizes."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hetsched.core.events import Event, SegmentEnded, TrialAdded, TrialExploited
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.testing import check_log
from sim.replay import replay
from tests.on_ray.conftest import PACE_S, carry_out, of, small_scenario

SIZES = [8, 16]


def test_copies_count_on_and_train_as_fast_as_their_batch_size(tmp_path: Path) -> None:
    space = {"lr": {"low": 0.001, "high": 0.1, "scale": "log"}, "batch_size": {"choices": SIZES, "ordered": True}}
    setup = small_scenario(
        batch_size=512,  # the default: the search space says it
        search_space=space,
        population=4,
        stop_iterations=12,
        pbt={"perturbation_interval": 2, "quantile_fraction": 0.5, "iterations": "lineage"},
    )
    seen = carry_out(setup, tmp_path)
    assert len(of(seen.events, TrialExploited)) > 2
    final = check_log(seen.events)
    assert all(trial.completed is not None and trial.iterations == 12 for trial in final.trials.values())
    assert sum(trial.trained for trial in final.trials.values()) == sum(
        event.iterations for event in of(seen.events, SegmentEnded)
    )
    assert {trial.kind.batch_size for trial in trials_of(seen.events)} == set(SIZES)
    [file] = (tmp_path / "checkpoints").iterdir()
    assert int(np.load(file)["iterations"]) == 12, "the count is that of the weights"
    found = replay(setup, seen.events)
    assert (found.difference, found.alike) == (None, found.decisions)


def trials_of(events: Iterable[Event]) -> list[Trial]:
    """Every trial at the end of each of its segments, each of which took as long as its batch size
    asks."""
    state, trials = State(), []
    for event in events:
        state.apply(event)
        if isinstance(event, SegmentEnded):
            trial, worker = state.trials[event.trial], state.workers[event.worker]
            step_s = PACE_S[worker.device] * trial.kind.batch_size / SIZES[0]
            if worker.pace is not None:
                assert event.parts.train_s >= event.iterations * step_s * worker.pace * 0.99
            trials.append(trial)
        elif isinstance(event, TrialAdded | TrialExploited):
            trial = state.trials[event.trial]
            assert trial.kind.batch_size == event.hyperparameters["batch_size"]
    return trials
