"""Backends carry runs out. Each may offer more that only it can do.

They are found by entry point, because this package may not import them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack

from msgspec import Struct

from hetsched.core.dispatcher import Dispatcher, Listener
from hetsched.core.events import COMPLETED, AnyEvent
from hetsched.core.state import State
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import SpeedUp
from hetsched.errors import InputError, nearest
from hetsched.scenario.scenario import Setup
from hetsched.studies.fit_result import FitOrder, Fitted
from hetsched.studies.recording_plan import Recorded, RecordingPlan

if TYPE_CHECKING:
    from joblib import Parallel

GROUP = "hetsched.backends"
"""The entry-point group in which packages offer backends: classes that are made without
arguments."""


class Outcome(NamedTuple):
    """The state at the end of a run, and the cost of its policy on this host: calls, and seconds in
    the policy, with its `setup`."""

    state: State
    decisions: int
    decision_s: float

    @classmethod
    def of(cls, dispatcher: Dispatcher) -> "Outcome":
        return cls(dispatcher.state, dispatcher.decisions, dispatcher.decision_s)


class Replayed(Struct, frozen=True):
    """The result of a replay.

    `backend` is the backend of the run. It says whether the log's seconds are simulated or
    measured. `decisions` is how many decisions the log has. Some of them were taken again before
    the first `difference` (None: all were). The two makespans are in seconds. After a difference
    there is no replayed makespan: it is None. `ended` is the reason with which the run ended (None:
    the log stops before). `until_s` is the time of the last event before.
    """

    strategy: str
    seed: int
    backend: str
    decisions: int
    alike: int
    difference: str | None
    makespan_s: float
    replayed_makespan_s: float | None
    ended: str | None
    until_s: float

    @property
    def cut_short(self) -> str | None:
        """A message that the log lacks a part of the run. None: it has the whole run."""
        if self.ended == COMPLETED:
            return None
        if self.ended is None:
            return f"this log stops at {self.until_s:,.3f} s, before the run ended"
        return f"this run ended at {self.until_s:,.3f} s, before all trials were completed: {self.ended}"


class Profiling(TypedDict, total=False):
    """How a machine is profiled. By default that is on the CPU, with ten seconds per point.

    `dataset` is the data set of the rows (None: each model's own). `on_row` is called with each row
    when it is measured. `model_file` registers a user's own models.
    """

    dataset: str | None
    device: str
    speed_ups: Sequence[SpeedUp]
    seconds_per_point: float
    on_row: Callable[[ProfileRow], None] | None
    model_file: Path | None


class Backend:
    """What a backend can do. A backend overrides the methods that it has. The others raise
    InputError.

    A method imports its packages when it is called, so that a backend is found even without them.
    """

    name: str
    """The backend's name in logs and errors."""

    def run(
        self, setup: Setup, strategy: Strategy, seed: int, folder: Path, listeners: Sequence[Listener] = ()
    ) -> Outcome:
        """Run a strategy on a scenario under a seed, and write the log `folder/events.jsonl`.

        If the folder has a log already, `ray` goes on with that run. `sim` requires a folder
        without a log.

        Raises PolicyError if the policy fails, and HetschedError if the run does. The log keeps
        what has happened.
        """
        raise self._lacks("run", "run a scenario")

    def replay(self, setup: Setup, events: Sequence[AnyEvent]) -> Replayed:
        """Feed the durations of a log to its policy again. Raises InputError for a log that cannot
        be replayed."""
        raise self._lacks("replay", "replay a log")

    def discover(self, address: str) -> list[dict[str, Any]]:
        """The nodes of the running cluster at the address, as a scenario lists them. Raises
        InputError if there is no cluster."""
        raise self._lacks("discover", "discover the nodes of a cluster")

    def executor(self, address: str, jobs: int | None = None) -> AbstractContextManager["Parallel"]:
        """joblib's `Parallel` on the running cluster at the address, with `jobs` processes (None:
        one per core).

        Raises InputError if there is no cluster, and HetschedError if it fails.
        """
        raise self._lacks("executor", "simulate on a cluster")

    def profile(
        self,
        models: Sequence[str],
        batch_sizes: Sequence[int],
        cores: Sequence[int],
        **options: Unpack[Profiling],
    ) -> list[ProfileRow]:
        """Measure every combination of model, batch size (images per iteration) and cores on this
        machine.

        Raises ValueError for a point that this machine cannot measure, HetschedError if measuring
        fails.
        """
        raise self._lacks("profile", "profile a machine")

    def record(self, plan: RecordingPlan, numbers: Sequence[int]) -> Iterator[Recorded]:
        """Train the trials of these numbers without PBT. Yields the recording of each when it is
        finished.

        Raises InputError for a trial that cannot be trained, and HetschedError if training fails.
        """
        raise self._lacks("record", "record learning curves")

    def fit(self, order: FitOrder, on_fit: Callable[[str], object]) -> Fitted:
        """Fit learning models to recordings, and judge them by cross-validation. `on_fit` is called
        after each fit, with the model's name.

        Raises InputError for a file that has no recordings, naming file and line, and for too few
        recordings.
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
