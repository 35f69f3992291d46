"""Trackers that follow the runs of a study."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import msgspec

from hetsched.core.dispatcher import Listener, Recalls
from hetsched.core.events import COMPLETED, SIMULATED, Event
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError
from hetsched.report.page.page import write_report
from hetsched.report.tracking.follower import Follower
from hetsched.report.tracking.points import whole
from hetsched.report.tracking.tracker import Point, Tracker, trackers
from hetsched.scenario.scenario import Setup
from hetsched.studies.caveats import Caveats
from hetsched.studies.caveats_anew import of_real, of_simulated
from hetsched.studies.folder_caveats import UNDER_WAY, unfinished
from hetsched.studies.one_run import RunResult
from hetsched.studies.results import Results
from hetsched.studies.run_warnings import Runs
from hetsched.studies.unknown_scores import joined
from hetsched.studies.watching import Watch, unwatched

logger = logging.getLogger(__name__)


class Tracking:
    """Follows every run that is run with its `watch`. `finish` sends the figures and reports of a
    study.

        with Tracking(["mlflow"]) as tracking:
            tracking.finish(simulate(scenario, "fusion+hrfs", watch=tracking.watch))

    Raises InputError, before anything runs, if a tracker is unknown, is not installed, or cannot
    work.
    """

    def __init__(self, names: Sequence[str], watch: Watch = unwatched) -> None:
        self._names, self._watch = names, watch
        self._followers: list[Follower] = []
        for name in names:
            made(name)

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = [follower for follower in self._followers if not follower.ended]
        for follower in left:
            follower.end(completed=kind is None, last=of_the_stopped(follower))
        for follower in left:
            follower.wait()

    @contextmanager
    def watch(self, doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[Listener | None]:
        """A `Watch` that adds the trackers to the given watch."""
        with self._watch(doing, setup, strategy, seed) as listen:
            followers = [Follower(name, made(name), setup, strategy, seed) for name in self._names]
            self._followers += followers
            yield Listeners([*([] if listen is None else [listen]), *followers]) if followers else listen

    def finish(self, result: Results) -> list[str]:
        """Send the runs' figures and reports, and what the study assumed and warns of. Returns
        where the runs can be seen: one line per run and tracker."""
        said = texts(Caveats(result.assumptions, result.warnings))
        runs = {run.metrics.seed: run for run in result.runs}
        reports = {follower.seed: report_of(runs[follower.seed]) for follower in self._followers}
        for follower in self._followers:
            follower.end(True, reports[follower.seed], [figures(runs[follower.seed], said)])
        return [f"{follower.name}: {follower.tracker.where}" for follower in self._followers if follower.wait()]


class Listeners:
    """Passes events to several listeners, as one listener."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def __call__(self, state: State, event: Event) -> None:
        for listen in self._listeners:
            listen(state, event)

    def recall(self, state: State, event: Event) -> None:
        """Pass on an event of an earlier driver of the run."""
        for listen in self._listeners:
            (listen.recall if isinstance(listen, Recalls) else listen)(state, event)


def made(name: str) -> Tracker:
    """A new tracker of that name. Raises InputError if there is none, if it is not installed, or if
    it cannot work."""
    return trackers.create(name)


def figures(run: RunResult, said: Mapping[str, str]) -> Point:
    """A point with the run's figures that are numbers, and with what is `said` beside them."""
    found = msgspec.to_builtins(run.metrics)
    values = {name: value for name, value in found.items() if isinstance(value, int | float)}
    return whole(run.metrics.makespan_s, {**values, **said})


def texts(said: Caveats) -> dict[str, str]:
    """Assumptions and warnings as texts, a line each. What is lacking is left out."""
    warned = [f"{strategy}: {warning}" for strategy, warning in said.warnings.items()]
    found = {"assumptions": said.assumptions, "warnings": warned}
    return {name: "\n".join(lines) for name, lines in found.items() if lines}


def of_the_stopped(follower: Follower) -> list[Point]:
    """A point with what is assumed of a run whose study has no result, because it was stopped, and
    with the warnings that are known then. Empty: the run has not begun."""
    if follower.started is None:
        return []
    none: Runs = {follower.strategy: []}
    anew = of_simulated if follower.started.backend == SIMULATED else of_real
    said = anew(follower.setup, none, none)
    name = str(follower.strategy)
    cut = {name: UNDER_WAY} if follower.stopped_for == COMPLETED else unfinished([(name, None)])
    return [whole(follower.time_s, texts(said._replace(warnings=joined(said.warnings, cut))))]


def report_of(run: RunResult) -> Path | None:
    """Write the run's report, and return its file. None, with a logged warning: the report could
    not be written."""
    try:
        return write_report(run.log.parent)
    except (HetschedError, OSError) as error:
        logger.warning("%s: no report for the trackers: %s", run.log.parent, error)
        return None
