"""Backends: what carries runs out, and what else only they can do.

They are found by entry point, as this package may import none of them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack

from msgspec import Struct

from hetsched.core.dispatcher import Dispatcher, Listener
from hetsched.core.events import AnyEvent
from hetsched.core.state import State
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import SpeedUp
from hetsched.errors import InputError, nearest
from hetsched.scenario.scenario import Setup
from hetsched.studies.fit_result import FitOrder, Fitted
from hetsched.studies.recording_plan import Recorded, RecordingPlan
from hetsched.studies.resume import COMPLETED

if TYPE_CHECKING:
    from joblib import Parallel

GROUP = "hetsched.backends"
"""The entry-point group in which packages offer backends: classes that are made without arguments."""


class Outcome(NamedTuple):
    """The state that a run ended in, and what its policy cost on this host: calls, and seconds inside it, its `setup`
    included."""

    state: State
    decisions: int
    decision_s: float

    @classmethod
    def of(cls, dispatcher: Dispatcher) -> "Outcome":
        return cls(dispatcher.state, dispatcher.decisions, dispatcher.decision_s)


class Replayed(Struct, frozen=True):
    """What came of a replay: how many decisions the log has, how many of them were taken again before the first
    `difference` (None: all of them), and the two makespans in seconds (the replayed one is None after a difference).

    `ended` is the reason with which the run ended (None: the log stops before), `until_s` the time of the last event
    before.
    """

    strategy: str
    seed: int
    decisions: int
    alike: int
    difference: str | None
    makespan_s: float
    replayed_makespan_s: float | None
    ended: str | None
    until_s: float

    @property
    def cut_short(self) -> str | None:
        """In words, that the log has not the whole run; None if it has."""
        if self.ended == COMPLETED:
            return None
        if self.ended is None:
            return f"this log stops at {self.until_s:,.3f} s, before the run ended"
        return f"this run ended at {self.until_s:,.3f} s, before all trials were completed: {self.ended}"


class Profiling(TypedDict, total=False):
    """How a machine is profiled: on the CPU, ten seconds per point, unless something else is said.

    The rows are filed under `dataset` (None: each model's own). `on_row` is given each row as it is measured.
    `model_file` registers models of one's own.
    """

    dataset: str | None
    device: str
    speed_ups: Sequence[SpeedUp]
    seconds_per_point: float
    on_row: Callable[[ProfileRow], None] | None
    model_file: Path | None


class Backend:
    """What a backend can do. A backend defines the methods that it has; those that it lacks raise InputError.

    A method imports what it needs when it is called, so that a backend is found without its packages.
    """

    name: str
    """What logs and errors call the backend."""

    def run(
        self, setup: Setup, strategy: Strategy, seed: int, folder: Path, listeners: Sequence[Listener] = ()
    ) -> Outcome:
        """Run a strategy on a scenario under a seed, and write the log `folder/events.jsonl`.

        If the folder has a log already, `ray` goes on with the run of that log; `sim` must not find one.

        Raises PolicyError if the policy fails, HetschedError if the run does; the log keeps what happened.
        """
        raise self._lacks("run", "run a scenario")

    def replay(self, setup: Setup, events: Sequence[AnyEvent]) -> Replayed:
        """Feed the durations of a log to its policy again. Raises InputError for a log that cannot be replayed."""
        raise self._lacks("replay", "replay a log")

    def discover(self, address: str) -> list[dict[str, Any]]:
        """The nodes of the running cluster at the address, as a scenario lists them. Raises InputError without one."""
        raise self._lacks("discover", "discover the nodes of a cluster")

    def executor(self, address: str, jobs: int | None = None) -> AbstractContextManager["Parallel"]:
        """joblib's `Parallel` on the running cluster at the address, with `jobs` processes (None: one per core).

        Raises InputError without a cluster, HetschedError if it fails.
        """
        raise self._lacks("executor", "simulate on a cluster")

    def profile(
        self,
        models: Sequence[str],
        batch_sizes: Sequence[int],
        cores: Sequence[int],
        **options: Unpack[Profiling],
    ) -> list[ProfileRow]:
        """Measure every combination of model, batch size (images per iteration) and cores on this machine.

        Raises ValueError for a point that this machine cannot measure, HetschedError if measuring fails.
        """
        raise self._lacks("profile", "profile a machine")

    def record(self, plan: RecordingPlan, numbers: Sequence[int]) -> Iterator[Recorded]:
        """Train the trials of these numbers without PBT, and yield what was recorded of each when it is finished.

        Raises InputError for what cannot be trained, HetschedError if training fails.
        """
        raise self._lacks("record", "record learning curves")

    def fit(self, order: FitOrder, on_fit: Callable[[str], object]) -> Fitted:
        """Fit learning models to recordings, and judge them by cross-validation. `on_fit` is called after each fit
        with the model's name.

        Raises InputError, naming file and line, for what is no file of recordings, and for too few of them.
        """
        raise self._lacks("fit", "fit learning models")

    def _lacks(self, method: str, ability: str) -> InputError:
        return InputError(f"backend {self.name!r} cannot {ability}: it has no method {method!r}")


@cache  # looking for entry points takes milliseconds
def backend(name: str) -> Backend:
    """The backend of that name, such as `sim` or `ray`. Raises InputError if there is none."""
    for point in entry_points(group=GROUP, name=name):
        found: Backend = point.load()()
        return found
    known = {point.name for point in entry_points(group=GROUP)}
    raise InputError(f"unknown backend {name!r}: {nearest(name, known) if known else 'reinstall hetsched'}")
