"""Scenarios and folders that a user gave to a command which takes none there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from hetsched.errors import InputError


def refuse_misplaced(words: Sequence[str]) -> None:
    """Raise InputError if the words are a command with a scenario or folder in the wrong place. It
    names the command that is meant."""
    command, *rest = words
    given = next((word for number, word in enumerate(rest) if _is_given(word) and not _is_value(rest, number)), None)
    first = rest[0] if rest and not rest[0].startswith("-") else None
    if command == "profile" and "check" not in rest and (word := first or given) is not None:
        raise InputError(
            f"profile takes no scenario, got {word!r}: 'hetsched plan {quote(word)}' measures a scenario's training; "
            "'hetsched profile check FILE.csv' says what a profile has"
        )
    if command == "training" and first not in {None, "check"}:
        raise InputError(f"training {first}: write 'hetsched training check {quote(str(first))}'")
    if command == "fidelity" and first not in {None, "record", "add"}:
        raise InputError(
            f"fidelity takes no folder here, got {first!r}: 'hetsched fidelity --folder {quote(str(first))}' predicts "
            f"the recordings in it again; 'hetsched fidelity add {quote(str(first))}' takes over the runs of a "
            "validation in it"
        )
    if command == "policies" and given is not None and given.endswith(".toml"):
        raise InputError(
            f"{given}: is a scenario, and a policy was expected, such as fifo, fusion or my_policy.py: "
            f"'hetsched compare {quote(given)}' simulates the strategies of a scenario"
        )


def _is_given(word: str) -> bool:
    """Whether the word means a scenario or a folder."""
    return not word.startswith("-") and (word.endswith(".toml") or Path(word).is_dir())


def _is_value(words: Sequence[str], number: int) -> bool:
    """Whether the word may be the value of an option."""
    return number > 0 and words[number - 1].startswith("--")


@contextmanager
def measured_beside(scenario: Path | None) -> Iterator[None]:
    """If the scenario has no profile, and a Tune script's run left the same scenario with its
    measurements in the folder `measured`, add a note that names it to the error."""
    try:
        yield
    except InputError as error:
        measured = None if scenario is None else scenario.parent / "measured" / "scenario.toml"
        if measured is not None and measured.is_file() and "the scenario has no profile" in str(error):
            error.add_note(f"the run in this folder was measured: give {quote(str(measured))} instead")
        raise
