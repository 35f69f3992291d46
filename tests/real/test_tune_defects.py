"""What Ray Tune does wrong with Population-Based Training, and that real runs do not.

Where the defect is that of a class of Ray, that class is tried as well: if Ray mends it, what works
around it can go. The other two: tests/real/test_checkpoints.py has the deleted checkpoint,
tests/real/test_training.py the stale learning rate.
"""

import random
from typing import Any

import pytest

pytest.importorskip("ray")

from ray.exceptions import ActorDiedError, OutOfMemoryError, RayActorError

from hetsched.core.trial import Trial
from hetsched.domain.workload import PBT
from real.ray_internals.controller import TuneInternals
from tests.conftest import make_setup
from tests.real.test_pbt_parity import SPACE, FakeController, FakeTrial, RayAsItIs, RealRuns

PBT_SETTINGS = {"perturbation_interval": 1, "quantile_fraction": 0.5}


def population(kind: type[RayAsItIs | RealRuns]) -> tuple[Any, list[FakeTrial], list[Trial]]:
    """A scheduler, its trials and ours. Each trial has a plan of its own in Tune's
    configuration."""
    experiment = make_setup(population=4, pbt=PBT_SETTINGS, search_space=SPACE).workload.experiments[0]
    start = experiment.initial_hyperparameters(seed=0)
    trials = [FakeTrial(name, values) for name, values in start.items()]
    for trial in trials:
        trial.config["plan"] = f"of {trial.trial_id}"
    ours = [
        Trial(name, index, experiment.id, experiment.kind(index), values, 0.0)
        for index, (name, values) in enumerate(start.items())
    ]
    assert isinstance(experiment.pbt, PBT)
    return kind(experiment, experiment.pbt, trials, random.Random(1)), trials, ours


def report(scheduler: Any, trial: FakeTrial, ours: Trial, iterations: int, score: float) -> Any:
    told = Trial(ours.id, ours.index, ours.experiment, ours.kind, ours.hyperparameters, 0.0, iterations, score)
    return scheduler.report(trial, told)


@pytest.mark.parametrize(("kind", "skips"), [(RayAsItIs, True), (RealRuns, False)])
def test_a_source_that_was_not_at_the_top_when_it_reported_is_skipped(kind: Any, skips: bool) -> None:
    """The first to report is compared with nobody, so Ray saves no checkpoint of it, and later
    passes over it."""
    scheduler, trials, ours = population(kind)
    assert report(scheduler, trials[0], ours[0], 1, 0.9) is None
    found = report(scheduler, trials[1], ours[1], 1, 0.1)
    assert (found is None) == skips
    assert skips or found[0] == "e-0"


@pytest.mark.parametrize(("kind", "clobbers"), [(RayAsItIs, True), (RealRuns, False)])
def test_an_exploit_copies_what_is_the_trials_own(kind: Any, clobbers: bool) -> None:
    scheduler, trials, ours = population(kind)
    for iterations, (index, score) in enumerate([(0, 0.1), (1, 0.9), (0, 0.1)], start=1):
        found = report(scheduler, trials[index], ours[index], iterations, score)
    assert found is not None and found[0] == "e-1"
    assert (trials[0].config["plan"] == "of e-1") == clobbers
    assert (trials[0].config["trial"] == "e-1") == clobbers


def test_an_actor_killed_for_want_of_memory_is_a_death_like_any_other() -> None:
    """Tune's actor manager raises on errors that it does not know, and so ends the experiment."""
    controller: Any = FakeController([])
    told: list[Exception] = []

    class Manager:
        def _actor_task_failed(self, tracked_actor_task: str, exception: Exception) -> None:
            told.append(exception)

        def _actor_start_failed(self, tracked_actor: str, exception: Exception) -> None:
            told.append(exception)

    controller._actor_manager = Manager()
    TuneInternals(controller)
    died = ActorDiedError()
    controller._actor_manager._actor_task_failed(tracked_actor_task="task", exception=died)
    controller._actor_manager._actor_task_failed(tracked_actor_task="task", exception=OutOfMemoryError("too large"))
    controller._actor_manager._actor_start_failed(tracked_actor="actor", exception=OutOfMemoryError("too large"))
    assert told[0] is died
    assert [str(error) for error in told[1:]] == ["OutOfMemoryError: too large"] * 2
    assert all(isinstance(error, RayActorError) for error in told)
