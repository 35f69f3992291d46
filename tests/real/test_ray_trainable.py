"""Trainables of Ray Tune, classes and functions, as trainings of six methods."""

import gc
import os
import random
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray")

from ray import tune
from ray.train._internal.session import get_session
from ray.tune.trainable import wrap_function

from hetsched.domain.training import Resources, Training
from hetsched.domain.training_class import source_of, training_class
from hetsched.errors import InputError
from real.ray_internals.trainables import tune_session
from real.training.global_generators import GlobalGenerators
from real.training.ray_trainable import RayTraining, adapted, metrics_of

RESOURCES = Resources("cpu", 1, 0.0)
AT_FIRST = {"rate": 0.1, "deep": {"decay": 0.5}}
CHANGED = {"rate": 0.2, "deep": {"decay": 0.5}}


setups: list[str] = []
"""The classes that were set up."""


class Walk(tune.Trainable):
    """Draws from the global generators of NumPy and Python. Its checkpoint is a file."""

    def setup(self, config: dict[str, Any]) -> None:
        setups.append(type(self).__name__)
        self.place = float(np.random.randn())
        self.rate = config["rate"]

    def step(self) -> dict[str, Any]:
        self.place += self.rate * (np.random.randn() + random.random())
        return {"place": self.place, "iteration_of_mine": self.iteration, "rate": self.rate}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        (Path(checkpoint_dir) / "place").write_text(repr(self.place))

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.place = float((Path(checkpoint) / "place").read_text())


class Resetting(Walk):
    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.place = 1000.0  # what a checkpoint brings back anyhow
        self.rate = new_config["rate"]
        return True


class OfDictionary(Walk):
    def save_checkpoint(self, checkpoint_dir: str) -> Any:
        return {"place": self.place}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.place = checkpoint["place"]


left: list[str] = []
"""The functions that have cleaned up."""


def walk(config: dict[str, Any]) -> None:
    """Draws nothing: what a function draws before its loop, it draws again when it goes on."""
    done, place = 0, 0.0
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            done, place = np.load(Path(folder) / "place.npy")
    try:
        while True:
            done, place = done + 1, place + config["rate"] * (1 - place)
            with tempfile.TemporaryDirectory() as new:
                np.save(Path(new) / "place.npy", [done, place])
                tune.report({"place": place, "rate": config["rate"]}, checkpoint=tune.Checkpoint.from_directory(new))
    finally:
        left.append(tune.get_context().get_trial_name())


def made(trainable: Any, options: Mapping[str, Any] | None = None) -> RayTraining:
    kind = adapted(trainable)
    assert kind is not None
    return kind(options or {}, RESOURCES)


@pytest.mark.parametrize("trainable", [Walk, Resetting, OfDictionary, walk])
class TestGoesOn:
    def test_iterations_add_up_and_trainings_in_one_process_leave_each_other_alone(
        self, trainable: Any, tmp_path: Path
    ) -> None:
        whole, parts, loaded = (made(trainable) for _ in range(3))
        for training in (whole, parts):
            training.start(AT_FIRST, seed=7)
        whole.train(10)
        parts.train(3)
        parts.save(tmp_path)
        loaded.load(tmp_path)
        assert loaded.evaluate() == parts.evaluate()
        loaded.change(AT_FIRST)
        for _ in range(7):
            parts.train(1)
            loaded.train(1)
        assert loaded.evaluate() == parts.evaluate() == whole.evaluate()

    def test_a_change_takes_effect_wherever_the_trial_is(self, trainable: Any, tmp_path: Path) -> None:
        here, there = made(trainable), made(trainable)
        here.start(AT_FIRST, seed=7)
        here.train(3)
        here.save(tmp_path)
        here.change(CHANGED)
        there.start(AT_FIRST, seed=8)
        there.train(2)
        there.load(tmp_path)
        there.change(CHANGED)
        for training in (here, there):
            training.train(2)
            assert training.evaluate()["rate"] == 0.2
        assert here.evaluate() == there.evaluate()

    def test_the_seed_decides_whatever_was_trained_before(self, trainable: Any) -> None:
        used, fresh = made(trainable), made(trainable)
        used.start(AT_FIRST, seed=1)
        used.train(2)
        for training in (used, fresh):
            training.start(AT_FIRST, seed=2)
            training.train(2)
        assert used.evaluate() == fresh.evaluate()

    def test_a_trial_that_was_not_trained_yet_moves_too(self, trainable: Any, tmp_path: Path) -> None:
        here, there = made(trainable), made(trainable)
        here.start(AT_FIRST, seed=7)
        here.save(tmp_path)
        there.load(tmp_path)
        there.change(AT_FIRST)
        for training in (here, there):
            training.train(2)
        assert here.evaluate() == there.evaluate()


@pytest.mark.parametrize(("trainable", "times"), [(Walk, 3), (Resetting, 1)])
def test_a_class_is_set_up_again_only_if_it_cannot_reset(trainable: type[Walk], times: int) -> None:
    training = made(trainable)
    setups.clear()
    training.start(AT_FIRST, seed=1)
    for config in (AT_FIRST, CHANGED, AT_FIRST, AT_FIRST):
        training.train(1)
        training.change(config)
    assert setups == [trainable.__name__] * times


def test_a_class_counts_on_after_it_was_loaded(tmp_path: Path) -> None:
    training, other = made(Walk), made(Walk)
    training.start(AT_FIRST, seed=1)
    training.train(5)
    training.save(tmp_path)
    other.load(tmp_path)
    other.change(CHANGED)
    other.train(1)
    assert other.evaluate()["iteration_of_mine"] == 5


def test_options_are_constants_of_the_config() -> None:
    seen: list[dict[str, Any]] = []

    def look(config: dict[str, Any]) -> dict[str, float]:
        seen.append(config)
        return {"loss": 1.0}

    training = made(look, {"layers": 2, "rate": 9.0, "deep": {"width": 3}})
    training.start(AT_FIRST, seed=1)
    training.train(1)
    assert seen == [{"layers": 2, "rate": 0.1, "deep": {"width": 3, "decay": 0.5}}]
    assert training.evaluate() == {"loss": 1.0}


def test_a_generator_reports_what_it_yields() -> None:
    def count(config: dict[str, Any]) -> Iterator[float]:
        yield from (1.0, 2.0)

    training = made(count)
    training.start({}, seed=1)
    training.train(2)
    assert training.evaluate() == {"_metric": 2.0}


def test_metrics_are_the_numbers_of_a_result() -> None:
    result = {"loss": np.float32(0.5), "eval": {"top/5": 1}, "name": "x", "pid": 12, "config": {"lr": 1}}
    orders = {"done": False, "should_checkpoint": True, "better": np.bool_(True), "worse": False}
    assert metrics_of(result | orders) == {"loss": 0.5, "eval/top/5": 1.0}


def test_a_metric_that_is_not_a_number_is_none_after_loading_either(tmp_path: Path) -> None:
    def diverge(config: dict[str, Any]) -> dict[str, float]:
        tune.report({"loss": float("nan")}, checkpoint=tune.Checkpoint.from_directory(config["folder"]))
        return {}

    (tmp_path / "given").mkdir()
    training, other = made(diverge, {"folder": str(tmp_path / "given")}), made(diverge)
    training.start({}, seed=1)
    training.train(1)
    training.save(tmp_path / "saved")
    other.load(tmp_path / "saved")
    assert isnan(other.evaluate()["loss"])


class TestThread:
    def test_it_ends_with_its_trial_and_cleans_up(self) -> None:
        before = threading.active_count()
        training = made(walk)
        left.clear()
        for seed in (1, 2, 3):
            training.start(AT_FIRST, seed)
            training.train(2)
            assert threading.active_count() == before + 1
        training.close()
        assert left == ["walk"] * 3
        assert threading.active_count() == before

    def test_it_ends_and_its_files_go_with_a_training_that_is_dropped(self) -> None:
        before = threading.active_count()
        training = made(walk)
        training.start(AT_FIRST, seed=1)
        training.train(1)
        folder = training._folder
        assert folder.is_dir()
        del training
        gc.collect()
        assert threading.active_count() == before
        assert not folder.exists()

    def test_what_the_function_raises_is_raised(self) -> None:
        def fail(config: dict[str, Any]) -> None:
            tune.report({"loss": 1.0})
            raise ArithmeticError("diverged")

        training = made(fail)
        training.start({}, seed=1)
        training.train(1)
        with pytest.raises(ArithmeticError, match="diverged"):
            training.train(1)

    def test_the_session_of_the_process_stays(self) -> None:
        """An actor that trains a function can be one of Tune's itself."""
        training, mine = made(walk), object()
        with tune_session(mine):
            training.start(AT_FIRST, seed=1)
            training.train(2)
            assert get_session() is mine
            training.close()
            assert get_session() is mine
        assert get_session() is None


def returns_early(config: dict[str, Any]) -> None:
    tune.report({"loss": 1.0})


def never_saves(config: dict[str, Any]) -> None:
    while True:
        tune.report({"loss": 1.0})


def exits(config: dict[str, Any]) -> None:
    tune.report({"loss": 1.0})
    raise SystemExit(1)


def takes_two(config: dict[str, Any], data: Any) -> None:
    """As `tune.with_parameters` would call it."""


class WritesNothing(Walk):
    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """No state."""


class SavesNothing(tune.Trainable):
    def step(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("trainable", "calls", "message"),
    [
        (returns_early, lambda t, f: t.train(2), "returns_early: returned after report 1, and one more iteration was"),
        (exits, lambda t, f: t.train(2), "exits: returned after report 1, and one more iteration was to come"),
        (takes_two, lambda t, f: None, ") -> None, expected one argument, the config"),
        (wrap_function(walk), lambda t, f: None, "is a function that Ray has wrapped: name the function itself"),
        (never_saves, lambda t, f: (t.train(3), t.save(f)), "never_saves: report 3 came without a checkpoint"),
        (never_saves, lambda t, f: (t.train(3), t.change(CHANGED)), "call tune.report(metrics, checkpoint=...) with"),
        (WritesNothing, lambda t, f: t.save(f), "WritesNothing: save_checkpoint wrote no file and returned no dict"),
        (SavesNothing, lambda t, f: None, "SavesNothing: has no method save_checkpoint: a trainable that is paused"),
    ],
)
def test_what_cannot_be_trained_with_is_said_in_one_line(
    trainable: Any, calls: Callable[[Training, Path], object], message: str, tmp_path: Path
) -> None:
    def train() -> None:
        training = made(trainable)
        training.start(AT_FIRST, seed=1)
        calls(training, tmp_path)

    with pytest.raises(InputError) as raised:
        train()
    assert message in str(raised.value)
    assert ".py: " in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("found", [3, "Walk", object, dict])
def test_what_is_no_trainable_is_left_alone(found: object) -> None:
    assert adapted(found) is None


@pytest.mark.parametrize("name", ["Walk", "walk"])
def test_a_trainable_is_named_like_a_training(name: str) -> None:
    found: Any = training_class(source_of(f"{__file__}:{name}"))
    assert issubclass(found, RayTraining)
    assert found.__name__ == name
    training = found({}, RESOURCES)
    training.start(AT_FIRST, 1)
    training.train(1)
    assert training.evaluate()["rate"] == 0.1


def test_nothing_is_left_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.tune.trainable.trainable.DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))
    training, here = made(Walk), os.getcwd()
    training.start(AT_FIRST, seed=1)
    training.train(1)
    assert not (tmp_path / "ray_results").exists()
    assert os.getcwd() == here


def test_generators_go_on_in_place_and_leave_the_others_as_they_were() -> None:
    torch = pytest.importorskip("torch")

    def draw() -> list[float]:
        return [random.random(), random.gauss(), float(np.random.randn()), float(torch.rand(1))]

    mine, again = GlobalGenerators.seeded(3), GlobalGenerators.seeded(3)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    outside = [draw(), draw(), draw()]
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    assert draw() == outside[0]
    with mine.in_place():
        first = draw()
    assert draw() == outside[1]
    with mine.in_place():
        second = draw()
    assert draw() == outside[2]
    with again.in_place():
        assert [draw(), draw()] == [first, second]
    assert first != second
