"""The interface of a tracker, and the points of a run that a tracker receives."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from hetsched.domain.registry import Registry

Value = int | float | str

WHOLE_RUN = ""
"""The name of the series with the points of the run as a whole."""


class Point(NamedTuple):
    """The values of a series at `time_s` seconds since the start of the run.

    A series is named by a trial's id, and its `step` is the trial's iterations. The `step` of the
    series `WHOLE_RUN` is the whole seconds.
    """

    series: str
    step: int
    time_s: float
    values: Mapping[str, Value]


class Tracker(Protocol):
    """One run at a service.

    A tracker is made without arguments in the main thread. It raises InputError if it cannot work.
    All methods are called in one other thread. If a method raises, a warning is printed, and the
    run is not tracked any more.
    """

    where: str
    """The place where the run can be seen, in words. It is known after `begin`."""

    def begin(self, name: str, group: str, parameters: Mapping[str, Value]) -> None:
        """Begin the run. Runs of one scenario have the same group."""

    def log(self, points: Sequence[Point]) -> None:
        """Receive the points since the last call, in order."""

    def report(self, file: Path) -> None:
        """Keep the report of the run, an HTML file."""

    def finish(self, completed: bool) -> None:
        """End the run. `completed`: all its trials are complete."""


trackers = Registry[Tracker]("tracker", "hetsched.trackers", methods=["begin", "log", "report", "finish"])


def key(point: Point, name: str) -> str:
    """The name at the service of a point's value, such as `cifar-00/loss`."""
    return f"{point.series}/{name}" if point.series else name
