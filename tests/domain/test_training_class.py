"""How the class of a user's training is found, and what is said where it is none."""

from math import isnan
from pathlib import Path

import pytest

from hetsched.domain.training import METHODS, metrics_of
from hetsched.domain.training_class import TrainingSource, source_of, training_class
from hetsched.errors import InputError

MINE = """
class Mine:
    def __init__(self, options, resources): pass
    def start(self, hyperparameters, seed): pass
    def change(self, hyperparameters): pass
    def train(self, iterations): pass
    def evaluate(self): return {"loss": 0.0}
    def save(self, folder): pass
    def load(self, folder): pass
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def message(name: str, folder: Path) -> str:
    """The one line that is said of this name."""
    with pytest.raises(InputError) as raised:
        training_class(source_of(name, folder))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_file_need_not_be_there_any_more(mine: Path) -> None:
    source = source_of("mine.py:Mine", mine.parent)
    mine.unlink()
    found = training_class(source)
    assert isinstance(found, type) and found.__name__ == "Mine"
    assert training_class(source) is found  # a file is run once


def test_two_files_of_one_name_are_two(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.py").write_text(MINE)
    one, two = (training_class(source_of("mine.py:Mine", folder)) for folder in (mine.parent, other))
    assert one is not two and one.__module__ != two.__module__


def test_a_class_of_a_module(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(mine.parent)
    assert source_of("mine:Mine") == TrainingSource("mine", "Mine")
    assert training_class(source_of("mine:Mine")).__name__ == "Mine"
    assert "nothing_there: cannot be imported: No module" in message("nothing_there:Mine", mine.parent)


def test_the_only_class_of_a_file_need_not_be_named(mine: Path) -> None:
    assert training_class(source_of("mine.py", mine.parent)).__name__ == "Mine"
    mine.write_text(MINE + MINE.replace("Mine", "Other"))
    assert "mine.py: has Mine, Other with methods of a training: say which is meant" in message("mine.py", mine.parent)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_is_not_there(method: str, mine: Path) -> None:
    mine.write_text(MINE.replace(f"def {method}(", f"def {method}_it("))
    said = message("mine.py:Mine", mine.parent)
    assert said.startswith(f"mine.py:Mine: a training has a method {method!r}, and there is none; did you mean")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("(self, hyperparameters, seed)", "(self, hyperparameters)", "start takes (self, hyperparameters), expected"),
        ("(self, options, resources)", "(self)", "__init__ takes (), expected (options, resources)"),
        ("class Mine:", "class Other:", "mine.py: there is no class 'Mine': known: Other"),
        ("\nclass", "\n1 / 0\nclass", "mine.py: cannot be imported: ZeroDivisionError in mine.py:2: division by zero"),
        ("\nclass", "\nimport nothing_there\nclass", "No module named 'nothing_there'; install 'nothing_there' where"),
        ("\nclass", "\nimport beside_it\nclass", "of what lies beside mine.py, workers get nothing"),
        ("\nclass", "\nclass Broken(:\nclass", "mine.py: cannot be imported: SyntaxError"),
        (MINE, "Mine = 3\n", "mine.py:Mine: expected a class of the six methods start, change"),
        (MINE, "raise SystemExit(0)\n", "mine.py: cannot be imported: SystemExit in mine.py:1: 0"),
    ],
)
def test_what_is_no_training(old: str, new: str, said: str, mine: Path) -> None:
    (mine.parent / "beside_it.py").write_text("")
    assert old in MINE
    mine.write_text(MINE.replace(old, new, 1))
    assert said in message("mine.py:Mine", mine.parent)


@pytest.mark.parametrize("name", ["", "mine", "mine-txt:Mine", "mine.py:", "mine.py:a b", ":Mine", "a b:Mine"])
def test_what_is_no_name(name: str, tmp_path: Path) -> None:
    assert "expected FILE.py:CLASS, such as my_training.py:Mine, or MODULE:CLASS" in message(name, tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert message("none.py:Mine", tmp_path).startswith(f"{tmp_path / 'none.py'}: no such file: expected FILE.py:CLASS")


class Several:
    """A tensor of several elements."""

    def __float__(self) -> float:
        raise RuntimeError("only one element tensors can be converted")


def test_metrics_are_numbers_by_name() -> None:
    assert isnan(metrics_of({"loss": 10**400})["loss"])
    assert metrics_of({"loss": 1, "error": True}) == {"loss": 1.0, "error": 1.0}
    for wrong in (None, 0.5, {}, {"loss": "0.5"}, {"loss": None}, {1: 0.5}, [("loss", 0.5)], {"loss": Several()}):
        with pytest.raises(TypeError, match="evaluate returned .*, expected names with numbers"):
            metrics_of(wrong)
