"""A training's file is read before anything starts. The file is not run."""

import sys
from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.domain.training_class import TrainingSource
from hetsched.domain.training_text import look_into
from hetsched.errors import InputError

SCENARIO = """
name = "s"
strategies = ["uniform+fifo"]
training.class = "mine.py:Mine"
cluster.nodes = [{ name = "a", cores = 1 }]
workload.experiments = [
    { name = "e", population = 2, stop_iterations = 10, search_space = { lr = { low = 0.1, high = 1.0 } } },
]
"""


def look(text: str, name: str | None = "Mine") -> None:
    look_into(TrainingSource("mine.py", name, "/there/mine.py", text.encode()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nclass Mine(:\n", "mine.py: cannot be imported: SyntaxError in mine.py:2: .*; mend the file"),
        ("class Mini: ...", "mine.py: there is no class 'Mine': did you mean 'Mini'"),
        ("x = 1", "mine.py: there is no class 'Mine': it defines no class"),
        (
            "import jsonn, json\nclass Mine: ...",
            "imported in mine.py:1: No module named 'jsonn'; install 'jsonn'",
        ),
        ("from no_such.thing import x\nclass Mine: ...", "in mine.py:1: No module named 'no_such'"),
    ],
)
def test_what_is_certain_to_fail_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        look(text)


@pytest.mark.parametrize(
    "text",
    [
        "raise RuntimeError\nclass Mine: ...",  # is not run
        "from json import JSONDecoder as Mine",
        "from json import *",
        "class Base: ...\nMine = Base",
        "if 1:\n    class Mine: ...",
        "class Base: ...\nglobals()['Mine'] = Base",
        "def __getattr__(name): ...",
        "try:\n    import no_such\nexcept ImportError:\n    pass\nclass Mine: ...",
        "import sys\nsys.path.append('/x')\nimport no_such\nclass Mine: ...",
    ],
)
def test_what_may_succeed_is_left_to_the_import(text: str) -> None:
    look(text)


def test_of_a_module_only_its_package_is_looked_for() -> None:
    look_into(TrainingSource("json.no_such", "Mine"))
    with pytest.raises(InputError, match="mypkg.mod:Mine: there is no module 'mypkg': install it, or name FILE.py"):
        look_into(TrainingSource("mypkg.mod", "Mine"))


@pytest.mark.parametrize("command", [["run", "s.toml", "--strategy", "uniform+fifo"], ["plan", "s.toml"]])
def test_a_real_study_is_refused_before_ray_is_asked_for(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was said after the import of Ray, which takes seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)  # its import would fail
    (tmp_path / "s.toml").write_text(SCENARIO)
    (tmp_path / "mine.py").write_text("import torch\nclass Mini: ...")
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "s.toml: training.class: mine.py: there is no class 'Mine': did you mean 'Mini'?" in said
    assert "'hetsched training check' tries it without Ray" in said
    assert not (tmp_path / "results").exists()
