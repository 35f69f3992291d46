"""Text under tables, and what is cut or wrapped in it."""

import pytest

from hetsched.cli.shared import say, say_whole
from hetsched.report.terminal import wrapped

WARNING = "warning: fusion+fifo: " + "no step times, so nothing runs there " * 4
COMMAND = "report: hetsched report " + "results/of-a-long-study/" * 5


def test_text_wraps_between_words_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal cut it in the middle of words."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    say(WARNING)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1 and all(len(line) <= 60 for line in lines)
    assert " ".join(lines).split() == WARNING.split()


def test_commands_and_paths_stay_whole_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    say_whole(COMMAND)
    assert capsys.readouterr().out == COMMAND + "\n"


def test_text_is_one_line_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(WARNING)
    assert capsys.readouterr().out.rstrip() == WARNING.rstrip()


def test_further_lines_are_indented_like_the_first_and_words_stay_whole() -> None:
    assert wrapped("  a bound\n\n" + "x" * 30, 8) == "  a\n  bound\n\n" + "x" * 30


def test_the_second_column_of_a_legend_stays_a_column() -> None:
    assert wrapped("seed   what is drawn", 16) == "seed   what is\n       drawn"
