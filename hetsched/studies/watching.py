"""How somebody watches a study. The command line shows bars and tables. A notebook shows nothing by
default."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from hetsched.core.dispatcher import Listener
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup

Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""Makes a context for a number of runs. The function that the context gives is called after each
run."""

Watch = Callable[[str, Setup, Strategy, int], AbstractContextManager[Listener | None]]
"""Makes a context for one run. Arguments are what is done ("simulating", "running", "profiling
with"), the scenario, the strategy and the seed. The listener that the context gives receives every
event of the run, after it was applied to the state."""


@contextmanager
def silent(runs: int) -> Iterator[Callable[[], None]]:
    """Shows no progress."""
    yield lambda: None


@contextmanager
def unwatched(doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[Listener | None]:
    """Listens to no run."""
    yield None
