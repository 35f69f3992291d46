"""Errors that a user can act on; the command line prints them as one line, without a traceback."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from math import log10
from os import PathLike
from pathlib import Path
from traceback import __file__ as of_python
from traceback import walk_tb

RAISED = (Exception, SystemExit, GeneratorExit)
"""What code of a user may raise by itself. Ctrl-C and SIGTERM are not among it."""

NO_USERS = (
    *(f"{Path(__file__).parents[1] / package}/" for package in ("hetsched", "sim", "real")),
    f"{Path(of_python).parent}/",
    "<",
)
"""How the names of files begin that are this product's or Python's, or no files."""


MOST_NUMBER = 10**30
"""The largest whole number of an option, with either sign. It fits into a float and into a
message, and no option needs as much."""

LONGEST = 60
"""The most characters of a value in a message."""


class HetschedError(Exception):
    """A run failed (exit status 1)."""


class InputError(HetschedError):
    """What the user gave is wrong (exit status 2). The message names the file or key and what to
    do."""


class NoResultError(HetschedError):
    """A study has not come far enough for a result. The message says how far, and what to do."""


class PolicyError(HetschedError):
    """A policy raised, or took a decision that the dispatcher refuses."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came. What handles Ctrl-C handles it, too."""

    @classmethod
    def in_place_of(cls, error: KeyboardInterrupt) -> "Terminated":
        """With the notes of the error, which say what to do next."""
        terminated = cls()
        for note in getattr(error, "__notes__", ()):
            terminated.add_note(note)
        return terminated


def closest(word: str, known: Iterable[str]) -> str | None:
    """The right spelling that is near to `word`, whatever the case of its letters; None if none is.

    >>> closest("RESNET18", ["resnet50", "resnet18"])
    'resnet18'
    """
    spellings = {option.casefold(): option for option in sorted(known)}
    near = get_close_matches(word.casefold(), spellings, n=1, cutoff=0.6)
    return spellings[near[0]] if near else None


IN_SECONDS = re.compile("(^|(?<!per)_)(s|seconds)(_|$)")
"""Names of keys and columns that are in seconds."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A phrase that offers the nearest right spelling of `word`, or lists what is known.

    >>> nearest("hfrs", ["fifo", "hrfs"])
    "did you mean 'hrfs'?"
    >>> nearest("zzz", ["fifo", "hrfs"])
    'known: fifo, hrfs'
    >>> nearest("zzz", [])
    'none is known'
    """
    options = sorted(known)
    close = closest(word, options)
    if close:
        return f"did you mean {close!r}?"
    return f"known: {', '.join(options)}" if options else "none is known"


def nearest_key(word: str, known: Iterable[str]) -> str:
    """`nearest` of a key or a column. The phrase says if the right one is in seconds.

    >>> nearest_key("deadline_ms", ["budget", "deadline_s"]), nearest_key("byte_per_s", ["bytes_per_s"])
    ("did you mean 'deadline_s', which is in seconds?", "did you mean 'bytes_per_s'?")
    """
    options = sorted(known)
    close = closest(word, options)
    return f"did you mean {close!r}{unit_in_words(close)}?" if close else nearest(word, options)


def unit_in_words(key: str) -> str:
    """That the key is in seconds. Empty: its name does not say so."""
    return ", which is in seconds" if IN_SECONDS.search(key) else ""


def brief(value: object) -> str:
    """A value for a message. A long one is cut.

    >>> brief(7), brief(-(10**400))
    ('7', 'a number of about 401 digits')
    """
    if isinstance(value, int) and abs(value) > MOST_NUMBER:  # Python writes no number of 5,000 digits
        return f"a number of about {int(value.bit_length() * log10(2)) + 1} digits"
    try:
        text = repr(value)
    except ValueError:  # such a number is in it
        return "a number of more than 4,300 digits in it"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def path_of(given: object, argument: str) -> Path:
    """The path that an argument is. Raises InputError, naming the argument, for what is none."""
    if isinstance(given, (str, PathLike)):
        return Path(given)
    raise InputError(f"{argument}: expected a path, such as 'results/demo', found {given!r}")


def unreadable(path: PathLike[str] | str, error: OSError) -> str:
    """A message about a file or folder that cannot be read: its path, why, and what to do."""
    return f"{path}: cannot be read: {why_unreadable(error)}"


def why_unreadable(error: OSError) -> str:
    """Why a file or folder cannot be read, and what to do."""
    denied = isinstance(error, PermissionError)
    remedy = "have its permissions changed (chmod)" if denied else "put it back, or name another one"
    return f"{error.strerror or error}; {remedy}"


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural if there are several.

    >>> counted(1, "trial"), counted(2, "trial")
    ('1 trial', '2 trials')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """The names in words.

    >>> listed([]), listed(["a"]), listed(["a", "b", "c"])
    ('', 'a', 'a, b and c')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def first_of(names: Sequence[str], most: int = 8) -> str:
    """The names, but at most `most` of them.

    >>> first_of(["a", "b", "c"], 2)
    'a, b, ...'
    """
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])


def ordinal(number: int) -> str:
    """The ordinal of a number, such as 2nd.

    >>> [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '102nd', '111th']
    """
    teens = 10 < number % 100 < 14
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def where(error: BaseException) -> str:
    """The last line of a user's own file that the error went through, such as " in mine.py:21"; ""
    if there is none.

    A user's own file is one that belongs neither to this product, nor to Python, nor to an
    installed package.
    """
    files = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    own = [f" in {Path(name).name}:{line}" for name, line in files if _is_a_users(name)]
    return own[-1] if own else ""


def _is_a_users(file: str) -> bool:
    return not file.startswith(NO_USERS) and not {"site-packages", "dist-packages"}.intersection(Path(file).parts)
