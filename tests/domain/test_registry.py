"""Policies by name: files of users."""

from pathlib import Path
from textwrap import dedent

import pytest

from hetsched import scheduling
from hetsched.domain.registry import forget_files, load_file
from hetsched.errors import InputError

CODE = """
from hetsched.scheduling import register

@register({name!r})
class Policy:
    {doc!r}

    def dispatch(self, state):
        return []
"""


def policy_file(folder: Path, name: str, doc: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "policy.py").write_text(dedent(CODE.format(name=name, doc=doc)))
    return folder / "policy.py"


def test_two_files_of_one_stem_cannot_have_one_policy(tmp_path: Path) -> None:
    first = policy_file(tmp_path / "a", "of-two-files", "the first")
    load_file(first)
    with pytest.raises(InputError, match=f"{first} has a scheduling policy 'of-two-files' already"):
        load_file(policy_file(tmp_path / "b", "of-two-files", "the second"))
    assert scheduling.policies.summary("of-two-files") == "the first"
    load_file(policy_file(tmp_path / "b", "of-the-second-file"))
    assert "of-the-second-file" in scheduling.policies.names()


def test_a_file_that_was_changed_can_be_loaded_again_from_wherever_it_is_copied_to(tmp_path: Path) -> None:
    load_file(policy_file(tmp_path / "a", "loaded-again", "as it was"))
    home = policy_file(tmp_path / "a", "loaded-again", "as it is now")
    load_file(home)
    assert scheduling.policies.summary("loaded-again") == "as it is now"
    load_file(policy_file(tmp_path / "b", "loaded-again", "a copy"), origin=home)
    assert scheduling.policies.summary("loaded-again") == "a copy"


def test_what_was_forgotten_may_come_from_another_file(tmp_path: Path) -> None:
    load_file(policy_file(tmp_path / "a", "forgotten", "the first"))
    forget_files()
    assert "forgotten" not in scheduling.policies.names()
    assert "fifo" in scheduling.policies.names()
    load_file(policy_file(tmp_path / "b", "forgotten", "the second"))
    assert scheduling.policies.summary("forgotten") == "the second"
