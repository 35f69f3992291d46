"""What the log of every run must keep to, whichever backend wrote it."""

from collections.abc import Iterable
from functools import singledispatchmethod

from hetsched.core.events import (
    CheckpointLost,
    Event,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.run_course import RunCourse
from hetsched.core.running_segments import RAY_TUNE
from hetsched.core.segments_of_workers import SegmentsOfWorkers
from hetsched.core.state import State, state_of
from hetsched.core.trained_iterations import TrainedIterations
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError


def check_log(events: Iterable[Event]) -> State:
    """Check the log of a run, finished or not, and return the state that it adds up to.

    - Time never goes back.
    - A segment starts on idle workers of the cluster, for a trial that is neither running nor
      completed.
    - The segments of a package start at one time on one worker, and the segments that are not lost
      end at one time. The worker trains one of them after the other (`worked`).
    - Segments are numbered from 1 in the order of their starts; their ends and losses have the same
      numbers.
    - A segment ends, or is lost, on the worker where it started, with the iterations that it
      started with. Under `RAY_TUNE` it may end with more, or with fewer if the trial is completed
      then.
    - The iterations of a trial add up, and no trial trains beyond its experiment's
      `stop_iterations`.
    - A trial has one of the batch sizes of its experiment.
    - No segment of an experiment starts before the experiment has all its trials, unless Ray Tune
      adds them.
    - A trial falls back only to iterations that it, or a trial that it copied, has done.
    - A worker, an experiment and a trial come once; a worker may come again after it left. A worker
      that leaves is idle.
    - The run starts once, with the first event. Events of a driver that records no start may lack
      it. After the end of the run nothing follows, unless the run is resumed. If the run is
      completed, all its trials are.
    - Every event follows from the events before (`State.apply`).

    Raises AssertionError, which names the line (from 1) and the trial or worker.
    """
    listed = list(events)
    checked = _CheckedLog(begun=not any(isinstance(event, RunStarted) for event in listed))
    for line, event in enumerate(listed, start=1):
        checked.check(line, event)
    try:
        return state_of(listed)
    except InputError as error:
        raise AssertionError(str(error)) from error


class _CheckedLog:
    """A log up to a line. Its bookkeeping does not rely on `State`."""

    def __init__(self, begun: bool) -> None:
        self._line = 0
        self._now = 0.0
        self._course = RunCourse(begun)
        self._workers: set[WorkerId] = set()
        self._trials: set[TrialId] = set()
        self._completed: set[TrialId] = set()
        self._iterations = TrainedIterations()
        self._running = SegmentsOfWorkers()
        self._reported: dict[int, float] = {}  # when the first segment of the package ended
        self._worked: dict[int, float] = {}  # until when its worker trained the segments that ended
        self._cut_short: dict[TrialId, str] = {}
        self._is_ray_tune = False

    def check(self, line: int, event: Event) -> None:
        self._line = line
        self._expect_no(self._course.fault(event))
        self._expect(event.time >= self._now, f"time goes back from {self._now} to {event.time}")
        self._now = event.time
        self._take(event)
        self._expect_no(self._iterations.fault(event))

    def _expect(self, holds: bool, otherwise: str) -> None:
        self._expect_no(None if holds else otherwise)

    def _expect_no(self, fault: str | None) -> None:
        if fault is not None:
            raise AssertionError(f"line {self._line} of the log: {fault}")

    @singledispatchmethod
    def _take(self, event: Event) -> None:
        """An event of any other type: only its time is checked."""

    @_take.register
    def _(self, event: RunStarted) -> None:
        self._is_ray_tune = event.backend == RAY_TUNE

    @_take.register
    def _(self, event: WorkerJoined) -> None:
        self._workers.add(event.worker.id)

    @_take.register
    def _(self, event: WorkerLeft) -> None:
        self._expect_idle(event.worker, f"{event.worker} leaves, and trains")
        self._workers.discard(event.worker)

    @_take.register
    def _(self, event: TrialAdded) -> None:
        self._trials.add(event.trial)

    @_take.register
    def _(self, event: SegmentStarted) -> None:
        self._expect_waiting(event.trial)
        self._expect(event.trial not in self._cut_short, self._cut_short.get(event.trial, ""))
        for worker in event.workers:
            self._expect(worker in self._workers, f"{event.trial} starts on {worker!r}, which is not there")
            if event.follows:
                self._expect_in_package(event)
            else:
                self._expect_idle(worker, f"{event.trial} starts on {worker!r}, which trains")
        self._running.start(event)

    def _expect_idle(self, worker: WorkerId, otherwise: str) -> None:
        busy = self._running.first(worker)
        self._expect(busy is None, f"{otherwise} {busy and busy.trial}")

    def _expect_in_package(self, event: SegmentStarted) -> None:
        before = self._running.first(event.worker)
        same = before is not None and (before.package, before.time) == (event.package, event.time)
        busy = before and before.trial
        self._expect(same, f"{event.trial} follows in package {event.package}, and {event.worker!r} trains {busy}")

    @_take.register
    def _(self, event: SegmentEnded) -> None:
        started = self._take_off(event)
        if started.package:
            together = self._reported.setdefault(started.package, event.time)
            self._expect(event.time == together, f"{event.trial} ends, and its package was reported at {together} s")
            self._expect_no(self._overlap(started, event))
        unequal = f"{event.trial} ends {event.iterations} iterations, and started {started.iterations}"
        self._expect(event.iterations >= 1, unequal)
        self._expect(event.iterations == started.iterations or self._is_ray_tune, unequal)
        if event.iterations < started.iterations:
            self._cut_short[event.trial] = unequal

    @_take.register
    def _(self, event: SegmentLost) -> None:
        self._take_off(event)

    @_take.register
    def _(self, event: CheckpointLost | TrialExploited) -> None:
        self._expect_waiting(event.trial)

    @_take.register
    def _(self, event: TrialCompleted) -> None:
        self._expect_waiting(event.trial)
        self._completed.add(event.trial)

    def _overlap(self, started: SegmentStarted, event: SegmentEnded) -> str | None:
        """That the worker of a package trained several of its segments at once. None: it did not."""
        begun_s, done_s = event.worked or (started.time, event.time)
        before_s = self._worked.get(started.package, started.time)
        self._worked[started.package] = done_s
        if begun_s >= before_s:
            return None
        return f"{event.worker} trains {event.trial} from {begun_s} s, and its package's segment before to {before_s} s"

    def _expect_waiting(self, trial: TrialId) -> None:
        self._expect(trial in self._trials, f"{trial}: no such trial")
        self._expect(trial not in self._running, f"{trial} is running")
        self._expect(trial not in self._completed, f"{trial} is completed")

    def _take_off(self, event: SegmentEnded | SegmentLost) -> SegmentStarted:
        started = self._running.end(event.trial)
        if started is None:
            raise AssertionError(f"line {self._line} of the log: {event.trial} is not running")
        self._expect(event.worker == started.worker, f"{event.trial} runs on {started.worker!r}, not {event.worker!r}")
        self._expect(
            event.segment == started.segment, f"{event.trial} runs segment {started.segment}, not {event.segment}"
        )
        return started
