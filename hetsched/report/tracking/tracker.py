"""What a service that tracks experiments receives of a run, and what a tracker of one must be able to do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from hetsched.domain.registry import Registry

Value = int | float | str

WHOLE_RUN = ""
"""The series of points of a run as a whole."""


class Point(NamedTuple):
    """Values of a series at a moment, `time_s` seconds since the start of the run. A series is a trial's id, and `step`
    its iterations; or `WHOLE_RUN`, and `step` the whole seconds."""

    series: str
    step: int
    time_s: float
    values: Mapping[str, Value]


class Tracker(Protocol):
    """One run at a service. It is made without arguments, in the main thread, and raises InputError if it cannot work.
    Everything else is called from one other thread, and may raise: then a warning is printed, and nothing more of the
    run is tracked."""

    where: str
    """Where the run can be seen, in words; known after `begin`."""

    def begin(self, name: str, group: str, parameters: Mapping[str, Value]) -> None:
        """The run begins. Runs of one scenario are of one group."""

    def log(self, points: Sequence[Point]) -> None:
        """What has happened since the last call, in order."""

    def report(self, file: Path) -> None:
        """Keep the report of the run, an HTML file."""

    def finish(self, completed: bool) -> None:
        """The run is over, completed or not."""


trackers = Registry[Tracker]("tracker", "hetsched.trackers", methods=["begin", "log", "report", "finish"])


def key(point: Point, name: str) -> str:
    """What a service calls the values of that name, such as `cifar-00/loss`."""
    return f"{point.series}/{name}" if point.series else name
