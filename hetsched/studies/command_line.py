"""By which command line this process was started, if by one: a study writes it down."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_words: ContextVar[tuple[str, ...]] = ContextVar("_words", default=())


@contextmanager
def commanded(words: Sequence[str]) -> Iterator[None]:
    """Within the block, `hetsched` with these words is what was asked for."""
    token = _words.set(("hetsched", *words))
    try:
        yield
    finally:
        _words.reset(token)


def command_line() -> list[str]:
    """The words of the command; none where a script or a notebook asks."""
    return list(_words.get())
