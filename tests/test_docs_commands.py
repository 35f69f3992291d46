"""`hetsched ...` in a sentence of the docs names a command, and options that it has, often without
its arguments."""

import io
import re
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

from documentation.markdown import PAGES, ROOT, prose
from hetsched.cli.main import parser


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_sentences_are_there(page: Path) -> None:
    text = "\n".join(line for _, line in prose(page))
    for command in re.findall(r"`hetsched\s([^`]+)`", text):
        check_mention(command.split())


@pytest.mark.parametrize(
    "wrong", ["comprae A.toml", "compare --sedes", "profile check --speed-ups", "suite list --sedes"]
)
def test_what_is_wrong_is_found(wrong: str) -> None:
    with pytest.raises(AssertionError):
        check_mention(wrong.split())


def check_mention(words: list[str]) -> None:
    """Raises AssertionError for a command that does not exist, or lacks an option."""
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    names = takewhile(lambda word: re.fullmatch(r"[a-z-]+", word) and not word.startswith("-"), words)
    missing = options - options_of(*list(names)[:2])
    assert not missing, f"hetsched {' '.join(words)}: the command has no {sorted(missing)}"


@cache
def options_of(*names: str) -> set[str]:
    """The options of a command, by its help. Raises AssertionError if there is no such command."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), suppress(SystemExit):
        parser().parse_args([*names, "--help"])
    usage = " ".join(("usage: hetsched", *names[:1]))
    assert said.getvalue().startswith(usage), f"{usage}: no such command: {said.getvalue()[-200:]}"
    return {"--help", *re.findall(r"--[a-z][\w-]*", said.getvalue())}
