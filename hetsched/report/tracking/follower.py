"""A tracker that follows a run. If the tracker fails, a warning is logged, and the run goes on."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from hetsched.core.events import Event, RunEnded, RunStarted
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.report.tracking.points import Points, parameters
from hetsched.report.tracking.tracker import Point, Tracker
from hetsched.scenario.scenario import Setup

logger = logging.getLogger(__name__)

AT_ONCE = 500
"""The most points that a tracker receives in one call."""

PATIENCE_S = 60.0
"""The most seconds that the end of a study waits for a tracker."""


class End(NamedTuple):
    """The end of a run. `report` is the file of its report (None: it has none)."""

    completed: bool
    report: Path | None


class Follower:
    """Sends one run to one tracker, in a thread of its own, so that the run never waits for a
    service.

    - `started`: the first event of the run (None: it has not begun)
    - `stopped_for`: the reason with which the run ended (None: it has not ended)
    - `time_s`: the time of its last event
    """

    def __init__(self, name: str, tracker: Tracker, setup: Setup, strategy: Strategy, seed: int) -> None:
        self.name, self.seed, self.tracker = name, seed, tracker
        self.ended = False
        self.setup, self.strategy = setup, strategy
        self.started: RunStarted | None = None
        self.stopped_for: str | None = None
        self.time_s = 0.0
        self._points = Points()
        self._queue: SimpleQueue[Point | RunStarted | End] = SimpleQueue()
        self._begun, self._works = False, True
        self._thread = Thread(target=self._follow, name=f"tracking by {name}", daemon=True)
        self._thread.start()

    def __call__(self, state: State, event: Event) -> None:
        self.time_s = event.time
        if isinstance(event, RunStarted):
            self.started = event
            self._queue.put(event)
        elif isinstance(event, RunEnded):
            self.stopped_for = event.reason
        for point in self._points(state, event):
            self._queue.put(point)

    def end(self, completed: bool, report: Path | None = None, last: Iterable[Point] = ()) -> None:
        """Send the end of the run, without waiting for the tracker. `last` has further points of
        the run."""
        self.ended = True
        for point in last:
            self._queue.put(point)
        self._queue.put(End(completed, report))

    def wait(self) -> bool:
        """Wait until the tracker has received everything, for `PATIENCE_S` at most. Returns whether
        the tracker works."""
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            self._give_up(f"it has not come to its end in {PATIENCE_S:g} s")
        return self._works

    def _follow(self) -> None:
        told: list[Point | RunStarted | End] = []
        while not (told and isinstance(told[-1], End)):
            told = [self._queue.get()]
            with suppress(Empty):
                while len(told) < AT_ONCE:
                    told.append(self._queue.get_nowait())
            for _, alike in groupby(told, type):
                self._try([*alike])

    def _try(self, told: Sequence[Point | RunStarted | End]) -> None:
        if not self._works:
            return
        try:
            self._tell(told)
        except Exception as error:
            self._give_up(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")

    def _tell(self, told: Sequence[Point | RunStarted | End]) -> None:
        points = [point for point in told if isinstance(point, Point)]
        if points:
            self.tracker.log(points)
        match told[0]:
            case RunStarted() as started:
                facts = parameters(self.setup, str(self.strategy), self.seed, started)
                self._begun = True
                self.tracker.begin(f"{started.scenario} {self.strategy} seed {self.seed}", started.scenario, facts)
            case End(completed, report) if self._begun:
                if report is not None:
                    self.tracker.report(report)
                self.tracker.finish(completed)

    def _give_up(self, reason: str) -> None:
        if self._works:
            logger.warning("%s: %s; the run is not tracked any more, and goes on", self.name, reason)
        self._works = False
