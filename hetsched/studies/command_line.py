"""The command line that started this process, if there is one. A study records it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_words: ContextVar[tuple[str, ...]] = ContextVar("_words", default=())


@contextmanager
def commanded(words: Sequence[str]) -> Iterator[None]:
    """Within this context, the command line is `hetsched` with these words."""
    token = _words.set(("hetsched", *words))
    try:
        yield
    finally:
        _words.reset(token)


def command_line() -> list[str]:
    """The words of the command. Empty: a script or a notebook calls."""
    return list(_words.get())
