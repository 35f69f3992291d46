"""Errors that a user can act on; the command line prints them as one line, without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class HetschedError(Exception):
    """A run failed (exit status 1)."""


class InputError(HetschedError):
    """What the user gave is wrong (exit status 2). The message names the file or key and what to do."""


class PolicyError(HetschedError):
    """A policy raised, or took a decision that the dispatcher refuses."""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The right spelling that is near to `word`, whatever the case of its letters; None if none is.

    >>> closest("RESNET18", ["resnet50", "resnet18"])
    'resnet18'
    """
    spellings = {option.casefold(): option for option in sorted(known)}
    near = get_close_matches(word.casefold(), spellings, n=1, cutoff=0.6)
    return spellings[near[0]] if near else None


def nearest(word: str, known: Iterable[str]) -> str:
    """A phrase that offers the nearest right spelling of `word`, or lists what is known.

    >>> nearest("hfrs", ["fifo", "hrfs"])
    "did you mean 'hrfs'?"
    >>> nearest("zzz", ["fifo", "hrfs"])
    'known: fifo, hrfs'
    """
    options = sorted(known)
    close = closest(word, options)
    return f"did you mean {close!r}?" if close else "known: " + ", ".join(options)
