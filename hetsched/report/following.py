"""The live view of a run of another process. The view reads the run's log while the log grows."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from hetsched.core.events import SIMULATED, AnyEvent, RunStarted
from hetsched.core.following import FollowedLog, is_being_written
from hetsched.core.state import State, apply_line
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.report.live import LiveView
from hetsched.report.terminal import Terminal
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.scenario.scenario import Setup
from hetsched.studies.named_folder import logs_below, results_folder
from hetsched.studies.one_run import check_run
from hetsched.studies.results import scenario_of
from hetsched.studies.resume import workers_of


def newest_log(folder: Path) -> Path | None:
    """The log in the folder, or below the folder, that was written last. None: no run has begun
    there.

    The folder may also be the log itself. Raises InputError if the folder and its parent do not
    exist, and if the folder cannot be read.
    """
    if folder.is_file():
        return folder if folder.stat().st_size else None
    if not folder.exists() and folder.absolute().parent.is_dir():
        return None
    logs = logs_below(results_folder(folder, "the results folder of a run, or the log itself"))
    written = {log: found for log in logs if (found := log.stat()).st_size}
    return max(written, key=lambda log: written[log].st_mtime_ns, default=None)


class FollowedRun:
    """A run and its live view, from `with` to its end. Each `look` passes the events that the log
    has gained to the view.

    If stderr is no terminal, the events of the first look are not printed, because they happened
    before the watching.
    """

    def __init__(self, log: Path, every_s: float, console: Console | None = None) -> None:
        self.state = State()
        self._every_s = every_s
        self._console = console or Terminal(stderr=True)
        self._log = FollowedLog(log)
        self._line = 0
        self._shown = ExitStack()
        self._view: LiveView | None = None
        self._workers: dict[WorkerId, Worker] = {}
        self._known: tuple[int, bool] | None = None
        self._now: Callable[[], float] = time.time

    def __enter__(self) -> "FollowedRun":
        return self

    def __exit__(self, *error: object) -> None:
        self._shown.close()

    @property
    def over(self) -> bool:
        """Whether the run has ended and no process writes the log."""
        return self.state.ended is not None and not is_being_written(self._log.path)

    def look(self) -> None:
        """Read the events that the log has gained, and pass them to the view. A log that began anew
        has a new view.

        Raises InputError, naming the log, if the log is damaged, or if the run's scenario is
        missing or another one.
        """
        events, anew = self._log.look()
        if anew:
            self._shown.close()
            self.state, self._line, self._view, self._workers, self._known = State(), 0, None, {}, None
        if not events:
            return
        self._workers |= {worker.id: worker for worker in workers_of(events)}
        if self._view is None:
            self._view = self._shown.enter_context(self._view_of(events[0]))
            self._expect(self._view)
            self._tell(self._view, events, recalled=not self._console.is_terminal)
            self._now = time.time
        else:
            self._tell(self._view, events)
        self._expect(self._view)

    def _tell(self, view: LiveView, events: list[AnyEvent], recalled: bool = False) -> None:
        listen = view.recall if recalled else view
        for event in events:
            self._line += 1
            apply_line(self.state, self._line, event, self._log.path)
            listen(self.state, event)

    def _expect(self, view: LiveView) -> None:
        """Tell the view which workers the run has. They come from the log, so no allocation policy
        runs. While a late node is still to come, it is not known how many they are."""
        nodes = {worker.node for worker in self._workers.values()}
        late = self._setup.scenario.faults.late
        known = (len(self._workers), all(name in nodes or at_s < self.state.now for name, at_s in late.items()))
        if known != self._known:
            self._known = known
            view.expect(self._expected() if known[1] else None, self._strategy)

    def _expected(self) -> Setup:
        """The run's setup with the workers that have joined so far."""
        workers = tuple(self._workers.values())
        return replace(self._setup, frozen_workers={self._strategy.allocation: workers})

    def _view_of(self, run: AnyEvent) -> LiveView:
        """The view of a run with this first event."""
        path = self._log.path
        if not isinstance(run, RunStarted):
            raise InputError(
                f"{path}:1: expected run-started, the first event of every log; found {type(run).__name__}"
            )
        self._setup = load_setup_of_logs(scenario_of(path.parent))
        check_run(path, run, self._setup)
        allocation, _, scheduling = run.strategy.partition("+")
        self._strategy = Strategy(allocation, scheduling)
        written = path.stat().st_mtime
        self._now = lambda: written
        clock = self._now if run.backend == SIMULATED else lambda: self._now()
        what, activity = f"{run.strategy}, seed {run.seed}", "following the log"
        return LiveView(
            what,
            self._expected(),
            self._strategy,
            self._every_s,
            activity=activity,
            console=self._console,
            clock=clock,
        )
