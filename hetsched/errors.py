"""Errors that a user can act on; the command line prints them as one line, without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class HetschedError(Exception):
    """A run failed (exit status 1)."""


class InputError(HetschedError):
    """What the user gave is wrong (exit status 2). The message names the file or key and what to do."""


class PolicyError(HetschedError):
    """A policy raised, or took a decision that the dispatcher refuses."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came. What handles Ctrl-C handles it, too."""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The right spelling that is near to `word`, None if none is."""
    return next(iter(get_close_matches(word, sorted(known), n=1, cutoff=0.6)), None)


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
