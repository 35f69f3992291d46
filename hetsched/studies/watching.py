"""How somebody watches a study: the command line shows bars and tables, a notebook nothing unless it asks for it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from hetsched.core.dispatcher import Listener
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup

Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""From the number of runs that are to come to a context, in which its value is called after each run."""

Watch = Callable[[str, Setup, Strategy, int], AbstractContextManager[Listener | None]]
"""From what is done ("simulating", "running", "profiling with"), the scenario, the strategy and the seed to a context,
in which its value hears of every event of the run, after it was applied to the state."""


@contextmanager
def silent(runs: int) -> Iterator[Callable[[], None]]:
    """Shows no progress."""
    yield lambda: None


@contextmanager
def unwatched(doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[Listener | None]:
    """Listens to no run."""
    yield None
