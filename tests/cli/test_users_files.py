"""What is said of an error in a user's own file: which error, in which line of it."""

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest

from hetsched.cli.main import main
from hetsched.scenario.profile_files import write_profile
from tests.conftest import ROWS

SCENARIO = """
name = "small"
strategies = ["uniform+fifo"]
profile.sources = ["p.csv"]
cluster.nodes = [{ name = "box", cores = 2 }]
workload.experiments = [{ name = "e", batch_size = 32, population = 2, stop_iterations = 20 }]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "s.toml").write_text(SCENARIO)
    return tmp_path


def line_of(source: str, marked: str = "# here") -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if marked in line)


SCHEDULING = """
from hetsched.scheduling import Dispatch, register

def best(trials):
    return max(trials, key=lambda t: t.scores)  # here

@register("mine")
class Mine:
    def dispatch(self, state):
        yield Dispatch(best(state.ready_trials).id, state.idle_workers[0].id, 1)
"""
IN_A_METHOD_OF_OURS = """
from hetsched.scheduling import register

@register("mine")
class Mine:
    def dispatch(self, state):
        state.interval(None)  # here
        return []
"""
SET_UP = """
from hetsched.scheduling import register

@register("mine")
class Mine:
    def setup(self, cluster, workload, times, rng):
        self.first = cluster[0]  # here
    def dispatch(self, state): return []
"""
INIT = """
from hetsched.scheduling import register

@register("mine")
class Mine:
    def __init__(self): self.first = [][0]  # here
    def dispatch(self, state): return []
"""
ALLOCATION = """
from hetsched.allocation import register

@register("mine")
class Mine:
    def workers(self, cluster, workload, times):
        return cluster[0]  # here
"""
LEARNING = """
from hetsched.domain.learning import register

@register("mine")
class Mine:
    def fresh(self, kind): return {}
    def train(self, weights, kind, hyperparameters, iterations):
        return weights["a"]  # here
    def score(self, weights, normal): return 0.5
"""
FRESH = LEARNING.replace("return {}", "return kind.colour  # there").replace("# here", "").replace("# there", "# here")
IMPORTED = "x = 1\nundefined_name()  # here\n"

RAISED = {
    "a scheduling policy": (SCHEDULING, "fusion+mine", "policy 'mine' raised AttributeError at 0.000 s in mine.py:"),
    "through a method of ours": (IN_A_METHOD_OF_OURS, "fusion+mine", "raised AttributeError at 0.000 s in mine.py:"),
    "set-up": (SET_UP, "fusion+mine", "policy 'mine' raised TypeError in setup in mine.py:"),
    "__init__": (INIT, "fusion+mine", "cannot be made without arguments: IndexError in mine.py:"),
    "an allocation policy": (ALLOCATION, "mine+fifo", "allocation policy 'mine' raised TypeError in mine.py:"),
    "a learning model": (LEARNING, "fusion+fifo", "learning model 'mine' raised KeyError for trial e-0 in mine.py:"),
    "a fresh trial": (FRESH, "fusion+fifo", "learning model 'mine' raised AttributeError for trial e-0 in mine.py:"),
    "the file": (IMPORTED, "fusion+fifo", "mine.py: cannot be imported: NameError in mine.py:"),
}


@pytest.mark.parametrize("name", RAISED)
def test_the_line_of_the_users_file_is_named(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, strategy, message = RAISED[name]
    (folder / "mine.py").write_text(source)
    if "learning" in source:
        (folder / "s.toml").write_text(SCENARIO + 'learning.model = "mine"\n')
    assert main(["simulate", "s.toml", "--strategy", strategy, "--policy-file", "mine.py"]) in (1, 2)
    assert f"{message}{line_of(source)}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["simulate --strategy", "simulate --ablate --strategy", "compare --strategies", "run --strategy"]
)
def test_a_policy_that_cannot_be_made_leaves_no_folder(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder had an empty log, and `hetsched show` said that the run had not begun."""
    (folder / "mine.py").write_text(INIT)
    words = [*command.split(), "fusion+mine", "--policy-file", "mine.py", "--out", "out"]
    assert main([words[0], "s.toml", *words[1:]]) == 1
    assert "cannot be made without arguments" in capsys.readouterr().err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (["simulate", "s.toml", "--strategy", "fusion+mine"], "."),
        (["compare", "s.toml", "--strategies", "fusion+mine", "--jobs", "1"], "fusion+mine/seed-0"),
        (["compare", "s.toml", "--strategies", "fusion+mine", "--jobs", "2", "--seeds", "1"], "fusion+mine/seed-0"),
    ],
)
def test_a_simulation_leaves_what_the_policy_saw(
    command: list[str], place: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(SCHEDULING)
    assert main([*command, "--policy-file", "mine.py", "--out", "out"]) == 1
    path = folder / "out" / place / "policy-error.json"
    found = json.loads(path.read_text())
    said = capsys.readouterr().err
    assert found["policy"] == "mine" and found["error"] in said
    assert re.search(rf"mine.py\", line {line_of(SCHEDULING)}, in", "".join(found["traceback"]))
    assert found["decision_point"]["ready_trials"] == ["e-0", "e-1"]
    assert f"hetsched: what the policy saw: {(Path('out') / place / 'policy-error.json')}" in said or str(path) in said


@pytest.mark.parametrize(
    ("room", "body", "message"),
    [
        (
            "scheduling",
            "def dispatch(self, state): pass",
            "policy 'mine' at 0.000 s: dispatch returned None, expected an iterable of Dispatch, Stop or WakeAt: "
            "did it forget yield?",
        ),
        ("scheduling", "def dispatch(self, state): return 5", "dispatch returned 5, expected an iterable of Dispatch"),
        ("allocation", "def workers(self, *_): pass", "'mine': workers returned None, expected a list of Worker: did"),
    ],
)
def test_a_policy_that_returns_nothing_hears_of_it_in_words(
    room: str, body: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(f'from hetsched.{room} import register\n@register("mine")\nclass P:\n    {body}\n')
    strategy = "mine+fifo" if room == "allocation" else "fusion+mine"
    assert main(["simulate", "s.toml", "--strategy", strategy, "--policy-file", "mine.py", "--out", "out"]) == 1
    assert message in capsys.readouterr().err
    assert main(["policies", "check", "mine.py", "--examples", "1"]) == 1
    assert message[message.index("returned") :] in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(
    ("room", "body", "message"),
    [
        ("scheduling", "pass", "before class P: a scheduling policy has a method 'dispatch', and there is none"),
        ("scheduling", "def dispach(self, state): ...", "did you mean 'dispatch' by 'dispach'?"),
        ("allocation", "def dispatch(self, state): ...", "an allocation policy has a method 'workers', and there is"),
        ("domain.learning", "def fresh(self, kind): ...", "a learning model has a method 'train', and there is none"),
    ],
)
def test_a_class_without_its_method_is_not_registered(
    room: str, body: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = f'from hetsched.{room} import register\n@register("mine")\nclass P:\n    {body}\n'
    (folder / "mine.py").write_text(source)
    assert main(["policies", "--policy-file", "mine.py"]) == 2
    said = capsys.readouterr().err
    assert "mine.py: cannot be imported: TypeError in mine.py:2: " in said and message in said


def test_what_a_function_makes_is_looked_at_when_it_is_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
    from hetsched.scheduling import register

    @register("mine")
    def mine():
        return []
    """
    (folder / "mine.py").write_text(dedent(source))
    assert main(["simulate", "s.toml", "--strategy", "fusion+mine", "--policy-file", "mine.py"]) == 1
    said = capsys.readouterr().err
    assert "scheduling policy 'mine' is made as []: a scheduling policy has a method 'dispatch', and there" in said
