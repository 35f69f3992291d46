"""`HeterogeneousPBT` against Ray's own class: on equal workers, with one for each trial, both
decide the same.

Ray's class passes over sources that are not saved. So it is driven twice: with all sources saved,
on any course; and as it is, on courses on which that rule does not show.
"""

import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ray")

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from hetsched.core.events import SegmentEnded, SegmentStarted, TrialExploited
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.log_check import check_log
from hetsched.domain.hyperparameters import flat
from real.dropin.scheduler import HeterogeneousPBT
from tests.dropin.fake_tune import FakeController, FakeTrial, ray_node, ray_with

Made = Callable[..., Any]

MUTATIONS: dict[str, Any] = {
    "lr": tune.loguniform(1e-4, 1.0),
    "layers": tune.randint(1, 8),
    "width": [8, 16, 32, 64],
    "name": ["sgd", "adam"],
    "deep": {"dropout": tune.uniform(0.0, 0.5), "drawn": lambda: random.random()},
}
INTERVAL, STOP = 3, 12


class Saved(PopulationBasedTraining):
    """Ray's class, where every trial is saved at each boundary; one that has copied another is what
    it copied."""

    def _save_trial_state(self, state: Any, time: int, result: dict[str, Any], trial: Any) -> Any:
        trial.save(result)
        return super()._save_trial_state(state, time, result, trial)

    def _exploit(self, tune_controller: Any, trial: Any, trial_to_clone: Any) -> None:
        latest, state = trial_to_clone.latest_checkpoint_result, self._trial_state[trial_to_clone]
        state.last_checkpoint, state.last_result = latest.checkpoint, latest.metrics
        super()._exploit(tune_controller, trial, trial_to_clone)

    def _checkpoint_or_exploit(self, trial: Any, tune_controller: Any, upper: Any, lower: Any) -> None:
        saved: Any = "saved"
        for one in upper:
            self._trial_state[one].last_checkpoint = saved
        super()._checkpoint_or_exploit(trial, tune_controller, upper, lower)


class Course:
    """A scheduler, driven with made-up scores; `exploits` are what came of it."""

    def __init__(self, make: Made, size: int, folder: Path, seed: int, mode: str) -> None:
        self._rng = random.Random(seed).getstate(), np.random.RandomState(seed % 2**32).get_state()
        configs = random.Random(seed)
        trials = [
            FakeTrial(f"t{number}", _config(configs), {"training_iteration": STOP}, folder) for number in range(size)
        ]
        self.scheduler = make("training_iteration", "score", mode, INTERVAL, 0.0, MUTATIONS, log_config=False)
        self.controller = FakeController(self.scheduler, trials)
        self.controller.step()

    def report(self, number: int, score: float) -> dict[str, Any]:
        """The trial reports; its configuration after that. All random numbers are the course's
        own."""
        trial, kept = self.controller.get_trials()[number], (random.getstate(), np.random.get_state())
        random.setstate(self._rng[0])
        np.random.set_state(self._rng[1])
        self.controller.report(trial, score)
        self._rng = random.getstate(), np.random.get_state()
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        self.controller.step()
        return {"status": trial.status, "iteration": trial.iteration, **trial.config}


def _config(rng: random.Random) -> dict[str, Any]:
    deep = {"dropout": rng.random() / 2, "drawn": rng.random()}
    layers, width, name = rng.randrange(1, 8), rng.choice([8, 16, 32, 64]), rng.choice(["sgd", "adam"])
    return {"lr": 10 ** -rng.uniform(0, 4), "layers": layers, "width": width, "name": name, "deep": deep}


def ours(folder: Path) -> Made:
    return lambda *args, **kwargs: HeterogeneousPBT(*args, **kwargs, strategy="fusion+fifo", folder=folder)


def alike(size: int, seed: int, mode: str, rounds: bool, theirs: Made) -> int:
    """How many exploits there were, which both decided alike.

    In `rounds` all are better than in the round before, and from the second boundary on the best
    report first: whoever is in the upper quantile was so at its own last boundary, when Ray saved
    it.
    """
    luck = random.Random(seed + 1)
    with TemporaryDirectory() as name, ray_with(ray_node("a", size)):
        folder = Path(name)
        mine = Course(ours(folder / "log"), size, folder, seed, mode)
        other = Course(theirs, size, folder, seed, mode)
        left, done = set(range(size)), 0
        while left:
            done += 1
            scores = {trial: luck.random() for trial in left}
            order = luck.sample(sorted(left), len(left))
            if rounds:
                scores = {trial: (done + score) * (1 if mode == "max" else -1) for trial, score in scores.items()}
                order.sort(key=lambda trial: scores[trial], reverse=(mode == "max") == (done > INTERVAL))
            for trial in order:
                assert mine.report(trial, scores[trial]) == other.report(trial, scores[trial])
            left = {number for number in left if not mine.controller.get_trials()[number].is_finished()}
        mine.controller.end()
        events = list(read_log(folder / "log" / LOG_NAME))
        state = check_log(events)
        assert state.ended == "completed"
        for tuned, known in zip(mine.controller.get_trials(), state.trials.values(), strict=True):
            assert dict(known.hyperparameters) == flat(tuned.config)
            assert known.iterations == tuned.iteration == STOP
        exploits = [event for event in events if isinstance(event, TrialExploited)]
        assert len(exploits) == other.scheduler._num_perturbations
        assert sum(isinstance(event, SegmentStarted) for event in events) == sum(
            isinstance(event, SegmentEnded) for event in events
        )
        return len(exploits)


@given(size=st.integers(2, 12), seed=st.integers(0, 2**31), mode=st.sampled_from(["min", "max"]))
def test_every_exploit_and_every_configuration_is_rays(size: int, seed: int, mode: str) -> None:
    alike(size, seed, mode, rounds=False, theirs=Saved)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_rays_class_as_it_is_decides_the_same_where_the_best_report_first(mode: str) -> None:
    exploits = sum(alike(8, seed, mode, rounds=True, theirs=PopulationBasedTraining) for seed in range(5))
    assert exploits > 10
