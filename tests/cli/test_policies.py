"""`hetsched policies NAME`: what a policy is, without running it."""

import json
from pathlib import Path

import pytest

from hetsched import allocation, scheduling
from hetsched.cli.main import main
from hetsched.cli.policies import REGISTRIES
from hetsched.core.observed import observed
from hetsched.domain.options import options_of
from hetsched.report.policy_card import docstring_lines

OWN = '''
from hetsched.scheduling import Dispatch, register


@register("mine")
class Mine:
    """Waits for the best.

    `patience` is how long, in seconds. 0: not at all.
    """

    def __init__(self, patience: float = 2.5, *, where, how: str | None = None) -> None:
        """`how` says how."""

    def dispatch(self, state):
        return [Dispatch(t.id, state.idle_workers[0].id, 1) for t in state.queue if t.score]
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(OWN)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["policies", *words]) == status
    found = capsys.readouterr()
    return found.err if status else found.out


@pytest.mark.parametrize("kind", ["allocation", "scheduling"])
def test_every_option_of_a_shipped_policy_is_explained(kind: str) -> None:
    registry = REGISTRIES[kind]
    for name in registry.names():
        if registry.is_shipped(name):
            for option in options_of(registry.factory(name)):
                assert option.meaning.startswith(f"`{option.name}`"), f"{name}: {option}"


def test_a_policy_has_its_rule_options_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(capsys, "sia")
    assert said.startswith("sia: a scheduling policy\n")
    assert "SOSP'23" in said and "subject to  sum_j n_j A_jc <=" in said
    assert "lambda_n" in said and "1.1" in said and "the cost of giving a trial nothing" in said
    assert "a scenario sets options in its table [scheduling.sia]" in said
    assert "sia.py:" in said.splitlines()[-1]


def test_a_strategy_is_both_of_its_policies(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "fusion+hrfs", "--json"))
    assert {name: one["kind"] for name, one in found.items()} == {"fusion": "allocation", "hrfs": "scheduling"}
    assert found["hrfs"]["options"] == {} and "best_score" in found["hrfs"]["observes"]["state"]


@pytest.mark.parametrize(
    "words",
    [
        ["mine.py:Mine"],
        ["mine.py:mine"],
        ["mine.py"],
        ["mine", "--policy-file", "mine.py"],
        ["--policy-file", "mine.py", "mine"],
    ],
)
def test_a_policy_of_ones_own(words: list[str], own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, *words, "--json"))["mine"]
    options = {name: (one["type"], one["default"], one["meaning"]) for name, one in found["options"].items()}
    assert options == {
        "patience": ("number", "2.5", "`patience` is how long, in seconds. 0: not at all."),
        "where": ("any", None, ""),
        "how": ("text", "none", "`how` says how."),
    }
    assert found["observes"] == {"given": [], "state": ["idle_workers", "queue"], "trial": ["id", "score"]}
    assert found["source"] == f"{own / 'mine.py'}:5"
    table = printed(capsys, *words)
    assert "must be given" in table and "(the docstring does not say)" in table


def test_a_policy_of_a_file_is_checked_by_its_name(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "fifo", "--policy-file", "mine.py", "--examples", "1"]
    assert "fifo" in printed(capsys, *words)
    assert list(json.loads(printed(capsys, *words, "--json"))["scheduling"]) == ["fifo"]


def test_an_option_of_another_part_is_not_offered_in_its_own_place(capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(capsys, "fifo", "--examples", "1", status=2)
    assert "unrecognized arguments: --examples 1; 'hetsched policies --help' lists" in said


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("hfrs", "no policy 'hfrs': near it: hrfs, "),
        ("zzzz", "no policy 'zzzz': no name is near it; 'hetsched policies' lists all; one of your own is known when"),
        ("fusion+fito", "no policy 'fito': near it: fifo, "),
        ("mine.py:Mien", "mine.py: registers no policy 'Mien': did you mean 'Mine'?"),
        ("none.py:Mine", "none.py: no such file"),
    ],
)
def test_a_wrong_name_says_what_is_near(word: str, message: str, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in printed(capsys, word, status=2)


def test_what_a_policy_looks_at_includes_the_code_that_it_shares() -> None:
    assert {"ranking", "remaining"} <= set(observed(scheduling.policies.factory("srtf"))["state"])
    assert "score" in observed(scheduling.policies.factory("asha"))["trial"]
    assert observed(allocation.policies.factory("fusion"))["given"] == ["the nodes"]
    assert observed(allocation.policies.factory("uniform"))["given"] == ["the nodes", "the workload", "the profile"]


def test_paragraphs_of_a_docstring_are_lines_and_formulas_stay() -> None:
    text = "One\nline.\n\n    a = b\n    c = d\n\n- An item\n  of two lines.\n- Another."
    assert list(docstring_lines(text)) == [
        "One line.",
        "",
        "    a = b",
        "    c = d",
        "",
        "- An item of two lines.",
        "- Another.",
        "",
    ]
