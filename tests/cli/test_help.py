"""`--help` of every command: its examples, their order, and what fits into 80 columns."""

import re

import pytest

import hetsched
from hetsched.cli.main import COMMANDS, main
from tests.test_docs import check_command, commands_of

PAGES = ["", *COMMANDS, "policies show", "policies check", "profile check", "training check"]


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*request.param.split(), "--help"])
    return capsys.readouterr().out


def test_every_example_is_a_command_that_is_understood(page: str) -> None:
    _, heading, rest = re.split(r"^(examples?:)$", page, flags=re.MULTILINE)
    commands = list(commands_of(rest.partition("\n\n")[0]))
    assert commands and (heading == "examples:") == (len(commands) > 1)
    for words in commands:
        check_command(words)


def test_nothing_is_wider_than_the_terminal(page: str) -> None:
    assert not [line for line in page.splitlines() if len(line) > 80]


def test_what_every_command_takes_is_listed_last(page: str) -> None:
    listed = re.findall(r"^  (?:-h, )?(--[a-z-]+)", page, re.MULTILINE)
    further = [option for option in ("--policy-file", "--json", "--help") if option in listed]
    assert listed[-len(further) :] == further or "--version" in listed  # hetsched's own help has no such options


def test_every_option_says_what_it_is(page: str) -> None:
    """An option has a text, on its line or on the next one."""
    for option, text in re.findall(r"^  (--[a-z-]+)[^\n]*?(?:\s{2,}|\n\s{20,})(\S.*)$", page, re.MULTILINE):
        assert len(text) > 5, option


def test_options_are_in_groups_with_titles_where_there_are_many(page: str) -> None:
    groups = re.split(r"^(\w.*):$", page.partition("\nexample")[0], flags=re.MULTILINE)[1:]
    for title, options in zip(groups[::2], groups[1::2], strict=True):
        assert len(re.findall(r"^  -", options, re.MULTILINE)) <= 8, title


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ([], "usage: hetsched [-h] [--version] COMMAND"),
        (["help"], "usage: hetsched [-h] [--version] COMMAND"),
        (["help", "bound"], "usage: hetsched bound"),
        (["--version"], f"hetsched {hetsched.__version__}\n"),
    ],
)
def test_who_asks_for_help_in_other_words_gets_it(
    words: list[str], begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(begins)
