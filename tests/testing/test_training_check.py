"""The suite for trainings finds what it is there to find, in the smallest course of calls."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import tomli_w

import hetsched
from hetsched.cli.main import main
from hetsched.cli.training import value_and_other
from hetsched.domain.training import Resources
from hetsched.errors import InputError
from hetsched.testing import TrainingError, check_training
from hetsched.testing.training_check import SETTLE_S, checks, training_verdicts
from hetsched.testing.training_course import Subject
from tests.domain.test_training_class import MINE
from tests.scenario.test_training import tables

HYPERPARAMETERS = {"lr": 0.1, "noise": {"size": 0.2}}
CHANGED = {"lr": 0.3}


class Sound:
    """A weight that goes to 0, with noise."""

    def __init__(self, options: Mapping[str, Any], resources: Resources) -> None:
        self.random = random.Random()
        self.done = 0

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        self.random = random.Random(seed)
        self.weight, self.done = self.random.uniform(1, 2), 0
        self.change(hyperparameters)

    def change(self, hyperparameters: dict[str, Any]) -> None:
        self.rate, self.noise = hyperparameters["lr"], hyperparameters["noise"]["size"]

    def train(self, iterations: int) -> None:
        for _ in range(iterations):
            self.weight -= self.rate * self.weight * (1 + self.noise * self.random.random())
            self.done += 1

    def evaluate(self) -> dict[str, float]:
        return {"loss": self.weight**2, "done": self.done}

    def state(self) -> dict[str, Any]:
        return {"weight": self.weight, "random": self.random.getstate(), "done": self.done}

    def save(self, folder: Path) -> None:
        (folder / "state.json").write_text(json.dumps(self.state()))

    def load(self, folder: Path) -> None:
        self.take(json.loads((folder / "state.json").read_text()))

    def take(self, state: dict[str, Any]) -> None:
        version, numbers, rest = state["random"]
        self.random.setstate((version, tuple(numbers), rest))
        self.weight, self.done = state["weight"], state["done"]


class EvaluatesAtRandom(Sound):
    def evaluate(self) -> dict[str, float]:
        return {"loss": self.weight**2 + random.random()}


class Unseeded(Sound):
    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        super().start(hyperparameters, random.randrange(10**9))


class KeepsCounting(Sound):
    """The trial before shows."""

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        done = self.done
        super().start(hyperparameters, seed)
        self.done = done


class DecaysPerCall(Sound):
    def train(self, iterations: int) -> None:
        rate = self.rate
        for number in range(iterations):
            self.rate = rate * (1 - number / iterations)
            super().train(1)
        self.rate = rate


class EvaluationDisturbs(Sound):
    def evaluate(self) -> dict[str, float]:
        found = super().evaluate()
        self.weight *= 1 + 1e-7  # too little to be seen at once
        self.random.random()
        return found


class ForgetsItsNoise(Sound):
    def take(self, state: dict[str, Any]) -> None:
        self.weight, self.done = state["weight"], state["done"]


class LoadsIntoWhatIsThere(Sound):
    def take(self, state: dict[str, Any]) -> None:
        super().take(state | {"done": state["done"] + self.done})


class RemembersThePath(Sound):
    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "path").write_text(str(folder))

    def load(self, folder: Path) -> None:
        super().load(Path((folder / "path").read_text()))


class WritesBehind(Sound):
    def save(self, folder: Path) -> None:
        super().save(folder)
        Timer(SETTLE_S / 3, lambda: folder.is_dir() and (folder / "more").write_text("late")).start()


class Stubborn(Sound):
    def change(self, hyperparameters: dict[str, Any]) -> None:
        if not self.done or not hasattr(self, "rate"):
            super().change(hyperparameters)


class LoadsItsRate(Sound):
    """The rate that was saved holds again from the next iteration on."""

    saved: float | None = None

    def state(self) -> dict[str, Any]:
        return super().state() | {"rate": self.rate}

    def take(self, state: dict[str, Any]) -> None:
        super().take(state)
        self.saved = state["rate"]

    def train(self, iterations: int) -> None:
        self.rate, self.saved = self.saved or self.rate, None
        super().train(iterations)


class SavesNothing(Sound):
    def save(self, folder: Path) -> None:
        (folder / "empty").mkdir()


class ReportsWords(Sound):
    def evaluate(self) -> Any:
        return {"loss": "small"}


class Breaks(Sound):
    def load(self, folder: Path) -> None:
        raise RuntimeError("out of order")


def failed(training: type[Sound], iterations: int = 100) -> dict[str, TrainingError]:
    subject = Subject(training, "T", {}, Resources("cpu", 1, 0.0), {"lr": 0.1, "noise.size": 0.2}, CHANGED, 1e-6)
    verdicts = list(training_verdicts(subject, iterations))
    assert [verdict.check for verdict in verdicts] == [check.name for check in checks(CHANGED)]
    return {verdict.check: verdict.failure for verdict in verdicts if verdict.failure is not None}


def test_a_sound_training_passes() -> None:
    assert not failed(Sound)
    hetsched.check_training(Sound, {}, HYPERPARAMETERS, CHANGED)
    hetsched.check_training(Sound, {}, HYPERPARAMETERS)


@pytest.mark.parametrize(
    ("training", "check", "happened"),
    [
        (EvaluatesAtRandom, "train and evaluate", "'loss' was "),
        (Unseeded, "seed", "'loss' was "),
        (KeepsCounting, "seed", "'done' was 1.0 and is 2.0"),
        (DecaysPerCall, "iterations", "'loss' was "),
        (EvaluationDisturbs, "iterations", "'loss' was "),
        (ForgetsItsNoise, "save and load", "'loss' was "),
        (LoadsIntoWhatIsThere, "save and load", "right after load, 'done' was 1.0 and is 2.0"),
        (RemembersThePath, "save and load", "load raised FileNotFoundError in test_training_check.py:"),
        (WritesBehind, "save is complete", "'more' in folder1 was written to after save had returned"),
        (Stubborn, "change lr", "with the change of 'lr' evaluate returns the same numbers as without"),
        (LoadsItsRate, "load, then change", "'loss' was "),
        (SavesNothing, "iterations", "save wrote no file into its folder"),
        (ReportsWords, "train and evaluate", "evaluate returned {'loss': 'small'}, expected names with numbers"),
        (Breaks, "save and load", "load raised RuntimeError in test_training_check.py:"),
    ],
)
def test_what_is_wrong_is_found(training: type[Sound], check: str, happened: str) -> None:
    found = failed(training)
    assert check in found
    assert found[check].happened.startswith(happened)
    with pytest.raises(TrainingError) as raised:
        check_training(training, {}, HYPERPARAMETERS, CHANGED)
    assert f"training '{training.__name__}' fails the check" in str(raised.value)


def test_the_smallest_course_is_shown() -> None:
    """One iteration and one more, and of what comes in between only that which disturbs."""
    lines = failed(EvaluationDisturbs)["iterations"].course.splitlines()
    assert [line.partition("(")[0] for line in lines] == [
        *("a = T", "a.start", "a.train", "a.evaluate"),
        *("b = T", "b.start", "b.train", "b.evaluate", "b.train", "b.evaluate"),
    ]
    assert lines.count("b.train(1)") == 2


def test_after_a_method_that_raised_nothing_more_is_made() -> None:
    subject = Subject(Sound, "Sound", {}, Resources("cpu", 1, 0.0), {}, {}, 1e-6)
    first, *others = training_verdicts(subject)
    assert first.failure is not None and "start raised KeyError in test_training_check.py:" in first.failure.happened
    assert {verdict.result for verdict in others} == {"not made"}


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    sound = Path(__file__).read_text().partition("class EvaluatesAtRandom")[0].partition("class Sound")[2]
    head = (
        "import json, random\nfrom pathlib import Path\nfrom typing import Any, Mapping\nResources = Any\nclass Sound"
    )
    Path("sound.py").write_text(head + sound)
    words = ["training", "check", "sound.py", "--hyperparameters", "lr=0.1", "noise.size=0.2"]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["conforms"] and set(document["checks"]) == {c.name for c in checks({"lr": 1, "noise.size": 1})}
    Path("sound.py").write_text((head + sound).replace("json.dumps(self.state())", "'{}'"))
    assert main([*words, "--options", "a=1", "--iterations", "10"]) == 1
    said = capsys.readouterr()
    assert "b.load(copy_of_folder1)" in said.out and "a = Sound({'a': 1}, resources)" in said.out
    assert "training 'Sound' does not conform (1 check failed)" in said.err
    assert main(["training", "check", "sound.py:Lound"]) == 2
    assert "sound.py: there is no class 'Lound': did you mean 'Sound'?" in capsys.readouterr().err


def test_a_scenario_says_class_options_and_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = tables({"class": "mine.py:Mine", "options": {"layers": 2}})
    Path("s.toml").write_text(hetsched.Scenario(**made).to_toml())
    Path("mine.py").write_text(
        MINE.replace("start(self, hyperparameters, seed): pass", "start(self, hyperparameters, seed): 1 / 0")
    )
    assert main(["training", "check", "s.toml"]) == 1
    out = capsys.readouterr().out
    assert "a = Mine({'layers': 2}, resources)" in out and "a.start({'lr': 0.055" in out
    assert "start raised ZeroDivisionError in mine.py:4: division by zero" in out
    assert "change lr" in out
    [experiment] = made["workload"]["experiments"]
    space = {"lr": {"low": 0.01, "high": 0.1}, "size": {"choices": [1, 2]}}
    experiment |= {"search_space": space, "pbt": {"mutate": ["lr"]}}
    Path("s.toml").write_text(hetsched.Scenario(**made).to_toml())
    assert main(["training", "check", "s.toml"]) == 1
    assert "change size" not in capsys.readouterr().out  # what PBT leaves alone may be fixed at the start
    del made["training"]
    Path("s.toml").write_text(hetsched.Scenario(**made).to_toml())
    assert main(["training", "check", "s.toml"]) == 2
    assert "s.toml: training: there is no such table" in capsys.readouterr().err


def test_a_scenario_needs_no_strategies_and_no_cluster_to_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = tables({"class": "mine.py:Mine"})
    del made["strategies"], made["cluster"]
    Path("s.toml").write_text(tomli_w.dumps(made))
    Path("mine.py").write_text(MINE)
    main(["training", "check", "s.toml"])
    said = capsys.readouterr()
    assert "training Mine" in said.out and "missing" not in said.err


def test_evaluate_must_report_the_metric_of_the_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = tables({"class": "mine.py:Mine"}, metric={"name": "losss", "mode": "min"})
    Path("s.toml").write_text(hetsched.Scenario(**made).to_toml())
    Path("mine.py").write_text(MINE)
    assert main(["training", "check", "s.toml"]) == 1
    out = capsys.readouterr().out
    assert "evaluate did not report the scenario's metric: expected 'losss', found 'loss' (did you mean 'loss'?)" in out
    assert "set metric.name of the experiment (default: 'accuracy') to a reported metric" in out


def test_an_accuracy_in_percent_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every check passed, and `hetsched fit` refused the whole file of recordings."""
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(
        hetsched.Scenario(**tables({"class": "mine.py:Mine"}, metric={"name": "accuracy"})).to_toml()
    )
    Path("mine.py").write_text(MINE.replace('"loss": ', '"accuracy": 50.0 + '))
    assert main(["training", "check", "s.toml"]) == 1
    assert "evaluate reported accuracy 5" in capsys.readouterr().out


@pytest.mark.parametrize("tolerance", ["-1", "nan", "1", "much"])
def test_a_tolerance_is_a_part(tolerance: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["training", "check", "sound.py", f"--tolerance={tolerance}"])
    assert f"expected a number from 0 to below 1, found '{tolerance}'" in capsys.readouterr().err


def test_values_of_the_command_line() -> None:
    assert value_and_other("3") == (3, None)
    assert value_and_other("16,32") == (16, 32)
    assert value_and_other("a,b,c") == ("a,b,c", None)


@pytest.mark.parametrize("tolerance", ["-1", "inf", "nan", "1", "much"])
def test_a_tolerance_with_which_all_pass_or_none_is_refused(tolerance: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Below 0 the check ended in a traceback, and an infinite one passed whatever was evaluated."""
    with pytest.raises(SystemExit):
        main(["training", "check", "mine.py", f"--tolerance={tolerance}"])
    assert "expected a number from 0 to below 1" in capsys.readouterr().err
    if tolerance != "much":
        with pytest.raises(InputError, match="tolerance: expected a number from 0 to below 1"):
            check_training("mine.py:Mine", tolerance=float(tolerance))
