"""A session for a function trainable that hetsched runs: `tune.report`, `tune.get_checkpoint` and
`tune.get_context` find it.

The function runs in a separate thread. It runs from one report to the next, only while `next` waits
for it.
"""

import inspect
import shutil
from collections.abc import Callable, Mapping
from numbers import Number
from pathlib import Path
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any, NamedTuple

from real.ray_internals.trainables import tune_session

STOP_S = 10.0
"""The most seconds in which a function may clean up after it has to end."""


class Report(NamedTuple):
    """The metrics of a report, and whether a checkpoint came with it."""

    metrics: Mapping[str, Any]
    has_checkpoint: bool


class Returned(NamedTuple):
    """The function has returned."""


class FunctionSession:
    """One call of a function trainable.

    It replaces Ray's session, so its public names are those of Ray's session. Each reported
    checkpoint replaces the one in the folder `checkpoint`. If the folder exists already, the
    function goes on from it.
    """

    world_rank = None  # by this, Ray tells a function of Tune from a worker of Ray Train
    experiment_name = "hetsched"
    run_id = trial_resources = None

    def __init__(self, function: Callable[..., Any], config: dict[str, Any], checkpoint: Path) -> None:
        from ray.tune import Checkpoint

        self.trial_name = self.trial_id = getattr(function, "__name__", "function")
        self.trial_dir = str(checkpoint.parent)
        self._checkpoint = checkpoint
        self._of_folder = Checkpoint.from_directory
        self.loaded_checkpoint = self._of_folder(str(checkpoint)) if checkpoint.exists() else None
        self._outcomes: SimpleQueue[Report | Returned | BaseException] = SimpleQueue()
        self._may_go_on = Semaphore(0)
        self._stopping = False
        self._thread = Thread(target=self._call, args=(function, config), name=self.trial_name, daemon=True)

    def next(self) -> Report | Returned:
        """Let the function run until it reports or returns. Raises the function's error."""
        with tune_session(self):
            if self._thread.ident is None:
                self._thread.start()
            else:
                self._may_go_on.release()
            outcome = self._outcomes.get()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def stop(self) -> None:
        """End the function inside the report in which it waits, with SystemExit, as Ray does. Waits
        for its thread.

        Raises RuntimeError if the function does not end within `STOP_S` seconds.
        """
        if not self._thread.is_alive():
            return
        self._stopping = True
        with tune_session(self):
            self._may_go_on.release()
            self._thread.join(STOP_S)
        if self._thread.is_alive():
            raise RuntimeError(f"{self.trial_name}: still runs {STOP_S:g} s after tune.report told it to end")

    def report(self, metrics: Mapping[str, Any], checkpoint: Any = None) -> None:
        """The function that `tune.report` calls, in the thread of the trainable."""
        if self._stopping:
            raise SystemExit(0)
        if checkpoint is not None:
            self._copy(checkpoint)
        self._outcomes.put(Report(dict(metrics), checkpoint is not None))
        self._may_go_on.acquire()
        if self._stopping:
            raise SystemExit(0)

    def _copy(self, checkpoint: Any) -> None:
        new = self._checkpoint.with_name(f"{self._checkpoint.name}-new")
        with checkpoint.as_directory() as folder:
            shutil.copytree(folder, new)
        shutil.rmtree(self._checkpoint, ignore_errors=True)
        new.rename(self._checkpoint)
        self.loaded_checkpoint = self._of_folder(str(self._checkpoint))

    def _call(self, function: Callable[..., Any], config: dict[str, Any]) -> None:
        """The thread of the function. The values of a generator, and a returned value, are reports,
        as in Ray."""
        try:
            if inspect.isgeneratorfunction(function):
                for value in function(config):
                    self._report_value(value)
            else:
                self._report_value(function(config))
            self._outcomes.put(Returned())
        except SystemExit:  # of `report`, or the function's own
            self._outcomes.put(Returned())
        except BaseException as error:
            if not self._stopping:
                self._outcomes.put(error)

    def _report_value(self, value: object) -> None:
        if isinstance(value, Mapping):
            self.report(value)
        elif isinstance(value, Number):
            self.report({"_metric": value})  # Ray's name for it
