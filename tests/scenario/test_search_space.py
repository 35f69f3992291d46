"""The table `search_space` of a scenario: what it may say, what becomes of it, and what is wrong in
it in one line."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.domain.hyperparameters import Choice, Constant, Float, Integer
from hetsched.domain.workload import Experiment
from hetsched.errors import InputError
from hetsched.scenario.loading import load_setup
from tests.conftest import make_setup

EVERY_KIND = """
lr = { low = 1e-4, high = 0.1, scale = "log" }
dropout = { low = 0, high = 0.5, step = 0.1 }
layers = { low = 1, high = 4, integer = true }
width = { low = 32, high = 512, scale = "log", step = 32, integer = true }
heads = { choices = [2, 4, 8], ordered = true }
activation = "relu"
seeded = true

[optimizer]
name = { choices = ["sgd", "adam"] }
betas = { choices = [[0.9, 0.99], [0.9, 0.999]] }
nesterov = { choices = [false, true] }
schedule.warm_up = 100
"""


def experiment(space: dict[str, Any], **pbt: Any) -> Experiment:
    settings = {"perturbation_interval": 10, **pbt}
    return make_setup(search_space=space, pbt=settings).workload.experiments[0]


def test_every_kind_is_read() -> None:
    assert experiment(tomllib.loads(EVERY_KIND)).search_space == {
        "lr": Float(1e-4, 0.1, "log"),
        "dropout": Float(0.0, 0.5, step=0.1),
        "layers": Integer(1, 4),
        "width": Integer(32, 512, "log", 32),
        "heads": Choice((2, 4, 8), ordered=True),
        "activation": Constant("relu"),
        "seeded": Constant(True),
        "optimizer.name": Choice(("sgd", "adam")),
        "optimizer.betas": Choice(([0.9, 0.99], [0.9, 0.999])),
        "optimizer.nesterov": Choice((False, True)),
        "optimizer.schedule.warm_up": Constant(100),
    }


def test_a_range_of_one_value_and_a_choice_of_one_are_constants() -> None:
    """A constant takes no random number, so the draws of the others stay."""
    one = experiment(
        RATE | {"a": {"low": 3, "high": 3, "integer": True}, "b": {"choices": [5]}, "c": {"low": 1, "high": 1}}
    )
    assert one.search_space == experiment(RATE).search_space | {"a": Constant(3), "b": Constant(5), "c": Constant(1.0)}


def test_a_saved_scenario_says_the_same(tmp_path: Path) -> None:
    setup = make_setup(search_space=tomllib.loads(EVERY_KIND), pbt={"mutate": ["lr", "optimizer.name"]})
    setup.save(tmp_path)
    saved = load_setup(tmp_path / "scenario.toml")
    assert saved.workload == setup.workload
    [before], [after] = setup.workload.experiments, saved.workload.experiments
    assert after.initial_hyperparameters(1) == before.initial_hyperparameters(1)
    assert list(after.mutated) == list(before.mutated) == ["lr", "optimizer.name"]
    assert "low = 1\n" in (tmp_path / "scenario.toml").read_text()  # whole numbers stay whole


def test_what_varies_is_mutated_unless_pbt_says_what() -> None:
    space = {"lr": {"low": 0.1, "high": 1.0}, "depth": 3, "name": {"choices": ["a"]}, "on": {"choices": [True, False]}}
    assert list(experiment(space).mutated) == ["lr", "on"]
    assert list(experiment(space, mutate=["on"]).mutated) == ["on"]
    assert list(experiment(space, mutate=[]).mutated) == []


RATE = {"lr": {"low": 0.1, "high": 1.0}}
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"lr": {"low": "slow", "high": 1.0}}, r"lr.low \(.*: expected a number, which PBT multiplies; .*, got 'slow'"),
    ({"lr": {"low": 0.1, "high": 1.0, "scal": "log"}}, r"lr.scal \(.*: unknown key: did you mean 'scale'\?"),
    ({"lr": {"low": 2.0, "high": 1.0}}, r"lr \(.*: low must not exceed high, got 2 and 1"),
    ({"lr": {"low": 0.0, "high": 1.0, "scale": "log"}}, r"lr \(.*: a log scale needs low >= 1e-12, got 0"),
    ({"lr": {"low": 0.0, "high": 1.0, "step": 0.3}}, r"lr \(.*: high must be a multiple of step = 0.3, got 1"),
    ({"lr": {"low": 0.0, "high": 1.0, "step": 0.0}}, r"lr.step \(.*: .*greater than 0, got 0"),
    ({"lr": [0.1, 0.2]}, r"lr \(.*: a list is no value: write \{choices = \[...\]\} to choose one of its elements"),
    ({"lr": {"loguniform": [0.001, 0.1]}}, r"lr \(.*write \{ low = 0.001, high = 0.1, scale = \"log\" \}"),
    ({"lr": {"uniform": [0, 1]}}, r"lr \(.*: 'uniform' is a word of Ray Tune: write \{ low = 0, high = 1 \}"),
    ({"lr": {"uniform": [0]}}, r"lr \(.*: 'uniform' is a word of Ray Tune: write \{ low = ..., high = ... \}"),
    ({"lr": {"randint": [1, 9]}}, r"lr \(.*: write \{ low = 1, high = 8, integer = true \}"),
    ({"lr": {"choice": [1, 9]}}, r"lr \(.*: write \{ choices = \[...\] \}"),
    (RATE | {"n": {"low": 1, "high": 2.5, "integer": True}}, r"n \(.*: integer = true needs a whole high, got 2.5"),
    (
        RATE | {"n": {"low": 0, "high": 64, "integer": True, "scale": "log"}},
        r"n \(.*: a log scale needs low >= 1, got 0",
    ),
    (RATE | {"o": {"n": {"choices": []}}}, r"o.n \(.*: choices: the list is empty"),
    (RATE | {"o": {"n": {"choices": [1, 1.0]}}}, r"o.n \(.*: choices: 1 and 1.0 are the same; values must differ"),
    (RATE | {"o": {"n": {"choices": [1, {"a": 2}]}}}, r"o.n \(.*: choices: expected finite numbers, .*, got {'a': 2}"),
    (RATE | {"o": {"n": {"choices": [1], "orderd": True}}}, r"o.n.orderd \(.*: unknown key: did you mean 'ordered'\?"),
    (RATE | {"o": {}}, r"o \(.*: the table is empty"),
    (RATE | {"o.n": 1}, r"o.n \(.*: expected a name without a dot"),
    (RATE | {"o": None}, r"o \(.*: expected a finite number, a string, true or false, or a table"),
    (RATE | {"o": float("inf")}, r"o \(.*: expected a finite number, a string, .*, got inf"),
    (RATE | {"o": {"n": {"choices": [1.0, float("nan")]}}}, r"o.n \(.*: choices: expected finite numbers, .*, got nan"),
    (RATE | {"batch_size": {"choices": [16, "32"]}}, r"batch_size: expected whole numbers of at least 1, got '32'"),
    ({"lr": {"choices": ["slow", "fast"]}}, r"lr: expected numbers of at least 0 for the learning model 'sgd', got 's"),
    ({"lr": 1e13}, r"lr: expected numbers up to 1e\+12, got 10000000000000.0"),
    (RATE | {"weight_decay": {"choices": [0, 10**13]}}, r"weight_decay: expected numbers up to 1e\+12, got 1000"),
    (RATE | {"momentum": -1e13}, r"momentum: expected numbers up to 1e\+12, got -1"),
    (RATE | {"o": 10**400}, r"o \(.*: expected a finite number, a string, .*, got 1000"),
    (RATE | {"o": {"choices": [1, 10**400]}}, r"o \(.*: choices: expected finite .*, got a number of about 401 digits"),
    ({"rate": 0.1}, r"lr: missing: the learning model 'sgd' needs a learning rate, found rate"),
]


@pytest.mark.parametrize(("space", "message"), MISTAKES, ids=[message.partition(" ")[0] for _, message in MISTAKES])
def test_a_mistake_is_one_line_that_names_the_key(space: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"^workload.experiments.*search_space.{message}") as caught:
        experiment(space)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["lrr"], r"pbt.mutate: search_space has no 'lrr': did you mean 'lr'\?"),
        (["depth"], r"pbt.mutate: 'depth' has a single value: leave it out, or give it a range or choices"),
        (["name"], r"pbt.mutate: 'name' has a single value"),
    ],
)
def test_pbt_mutates_what_varies(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        experiment(RATE | {"depth": 3, "name": {"choices": ["a"]}}, mutate=names)


def test_an_explore_function_is_one_of_a_policy_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import hetsched\n\n@hetsched.register_explore('halve')\ndef halve(hyperparameters, rng):\n"
        "    return hyperparameters | {'lr': hyperparameters['lr'] / 2}\n"
    )
    setup = make_setup(search_space=RATE, pbt={"explore": "halve"})
    setup.save(tmp_path)
    path = tmp_path / "scenario.toml"
    with pytest.raises(InputError, match=r"experiments.e.pbt.explore: unknown explore function 'halve'"):
        load_setup(path)
    path.write_text(path.read_text().replace("policy_files = []", 'policy_files = ["mine.py"]'))
    assert hetsched.load_scenario(path).workload.experiments[0].pbt.explore == "halve"
