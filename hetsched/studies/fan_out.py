"""Fan-out: carries out the runs of a comparison on one core, on the cores of this machine, or on a
Ray cluster. Results and logs are the same."""

import gc
import os
import pickle
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from warnings import catch_warnings, simplefilter

from msgspec.structs import replace

from hetsched.core.log import LOG_NAME
from hetsched.domain.registry import Strategy
from hetsched.domain.user_files import UserFile, registered
from hetsched.errors import HetschedError
from hetsched.scenario.policy_files import read_files
from hetsched.scenario.scenario import Scenario, Setup, resolved
from hetsched.signals import children_without_interrupts
from hetsched.studies.backends import backend
from hetsched.studies.one_run import RunResult, carry_out

if TYPE_CHECKING:
    from joblib import Parallel

R = TypeVar("R")

AWAY_AT_ONCE = 16
"""How many runs per core of a Ray cluster are sent at once. Their logs pass through this
process."""


LOOKS_FOR_STUDY_S = 0.1
"""Seconds between two looks of a simulating process whether its study still lives."""

_OF_THE_TRACKER = "ignore::UserWarning:joblib.externals.loky.backend.resource_tracker"


class Task(NamedTuple):
    """One simulation."""

    strategy: Strategy
    seed: int


Simulate = Callable[[Sequence[Task], Path], Generator[tuple[Task, RunResult], None, None]]
"""Simulates the tasks, with their logs below the folder. Yields each when it is done, in any
order. Closing the generator ends the processes."""

Attempt = Callable[[Sequence[Task], Path], Iterable[tuple[Task, RunResult | HetschedError]]]
"""Simulates tasks as `Simulate` does. For a task that fails it yields the error."""


def run_folder(folder: Path, strategy: Strategy, seed: int) -> Path:
    """Where a run of a comparison keeps its log."""
    return folder / str(strategy) / f"seed-{seed}"


@contextmanager
def fan_out(
    scenario: Scenario | Setup,
    jobs: int | None = None,
    ray_address: str | None = None,
) -> Iterator[Simulate]:
    """A way to simulate the scenario on `jobs` cores (None: all), of this machine or of the Ray
    cluster at an address.

    In every process the scenario's policy files count, as they are now. Raises InputError if there
    is no such cluster, and HetschedError if a process dies.
    """
    setup = resolved(scenario)
    if ray_address is not None:
        with backend("ray").executor(ray_address, jobs) as parallel:
            yield _with_logs(_Away(parallel, setup, _simulate))
    else:
        with _here(setup, jobs, _simulate) as simulating:
            yield _with_logs(simulating)


def _with_logs(simulate: Simulate) -> Simulate:
    """Simulates with the absolute path of the folder: other processes have another current
    folder."""

    def simulate_and_look(tasks: Sequence[Task], folder: Path) -> Generator[tuple[Task, RunResult], None, None]:
        for task, run in simulate(tasks, folder):
            yield task, run._replace(log=run_folder(folder, *task) / LOG_NAME)

    return simulate_and_look


@contextmanager
def attempts(setup: Setup, jobs: int | None = None, ray_address: str | None = None) -> Iterator[Attempt]:
    """A way to simulate as `fan_out` gives it, which also yields the errors of tasks."""
    if ray_address is not None:
        with backend("ray").executor(ray_address, jobs) as parallel:
            yield _Away(parallel, setup, _attempt)
    else:
        with _here(setup, jobs, _attempt) as attempting:
            yield attempting


@contextmanager
def _here(
    setup: Setup, jobs: int | None, carry_out_one: Callable[[Setup, Task, Path], R]
) -> Iterator[Callable[[Sequence[Task], Path], Generator[tuple[Task, R], None, None]]]:
    if jobs == 1:
        files = read_files(setup.policy_files)
        yield lambda tasks, folder: ((task, _registered(files, carry_out_one, setup, task, folder)) for task in tasks)
        return
    from joblib import Parallel  # a tenth of a second, which the processes that it starts can do without

    try:
        with (
            _leaks_unsaid(),
            _lost_calls_unsaid(),
            Parallel(jobs or -1, backend="loky", return_as="generator_unordered", max_nbytes=None) as parallel,
        ):
            yield _OnCores(parallel, setup, carry_out_one)
    except BrokenProcessPool as error:
        raise HetschedError("a simulating process died: out of memory, or a policy that ends it?") from error


@contextmanager
def _leaks_unsaid() -> Iterator[None]:
    """Within this context, joblib's clean-up process prints nothing. Otherwise it would warn, on
    stderr, about what processes that a second Ctrl-C ended had not released."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join([*([before] if before else []), _OF_THE_TRACKER])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


@contextmanager
def _lost_calls_unsaid() -> Iterator[None]:
    """Within this context, joblib's thread does not print that a call is missing. After a second
    Ctrl-C has ended the processes and dropped the calls, it looks for calls once more, and would
    print the traceback of a KeyError."""
    before = threading.excepthook

    def unless_stopped(failed: threading.ExceptHookArgs) -> None:
        thread = failed.thread.name if failed.thread is not None else None
        if thread != "ExecutorManagerThread" or failed.exc_type is not KeyError:
            before(failed)

    threading.excepthook = unless_stopped
    try:
        yield
    finally:
        threading.excepthook = before


class _OnCores(Generic[R]):
    """Simulates on the cores of this machine. The processes write the logs themselves."""

    def __init__(
        self,
        parallel: "Parallel",
        setup: Setup,
        carry_out_one: Callable[[Setup, Task, Path], R],
    ) -> None:
        self._parallel = parallel
        self._common = (os.getpid(), *_packed(setup, carry_out_one))

    def __call__(self, tasks: Sequence[Task], folder: Path) -> Generator[tuple[Task, R], None, None]:
        calls = (_call(_carry_out_here, task, folder.resolve(), *self._common) for task in tasks)
        results: Generator[tuple[Task, R], None, None] | None = None
        try:
            with children_without_interrupts():  # joblib starts its processes with the first calls
                results = self._parallel(calls)
            for result in results:  # noqa: UP028 - `yield from` would close them before they are closed here
                yield result
        finally:  # also after a Ctrl-C that waited for the processes to start
            if results is not None:
                with catch_warnings():  # joblib would warn of what a stopped comparison leaves undone
                    simplefilter("ignore", UserWarning)
                    results.close()


class _Away(Generic[R]):
    """Simulates on a Ray cluster. Its nodes may share no disk, so logs travel back."""

    def __init__(
        self,
        parallel: "Parallel",
        setup: Setup,
        carry_out_one: Callable[[Setup, Task, Path], R],
    ) -> None:
        self._parallel = parallel
        self._common = _packed(setup, carry_out_one)

    def __call__(self, tasks: Sequence[Task], folder: Path) -> Generator[tuple[Task, R], None, None]:
        many = AWAY_AT_ONCE * self._parallel.n_jobs
        for first in range(0, len(tasks), many):
            calls = (_call(_carry_out_away, task, *self._common) for task in tasks[first : first + many])
            for task, result, files in self._parallel(calls):
                home = run_folder(folder, *task)
                home.mkdir(parents=True)
                for name, content in files.items():
                    (home / name).write_bytes(content)
                yield task, result


def _packed(
    setup: Setup, carry_out_one: Callable[[Setup, Task, Path], R]
) -> tuple[Callable[[Setup, Task, Path], R], bytes, list[UserFile]]:
    """What all calls have in common. Policy files travel with the tasks: a file that is changed
    while runs go on changes nothing. Other processes have another current folder."""
    setup = replace(setup, scenario=setup.scenario.with_whole_paths())
    return carry_out_one, pickle.dumps(setup), read_files(setup.policy_files)


def _call(function: Callable[..., Any], *arguments: Any) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """A call to be made elsewhere, as joblib takes it."""
    return function, arguments, {}


# What the other processes do.


def _carry_out_here(
    task: Task,
    folder: Path,
    study: int,
    carry_out_one: Callable[[Setup, Task, Path], R],
    setup: bytes,
    files: Sequence[UserFile],
) -> tuple[Task, R]:
    _end_with(study)
    with _without_collection():
        return task, _registered(files, carry_out_one, _unpacked(setup), task, folder)


def _carry_out_away(
    task: Task,
    carry_out_one: Callable[[Setup, Task, Path], R],
    setup: bytes,
    files: Sequence[UserFile],
) -> tuple[Task, R, dict[str, bytes]]:
    with TemporaryDirectory() as folder, _without_collection():
        result = _registered(files, carry_out_one, _unpacked(setup), task, Path(folder))
        home = run_folder(Path(folder), *task)
        return task, result, {path.name: path.read_bytes() for path in home.iterdir()}


@lru_cache(maxsize=1)
def _end_with(study: int) -> None:
    """End this process soon after the process of the study, its parent, is gone. If that was
    killed, it could not end this process, which would go on with the runs that were asked for.
    Where there is one core, joblib simulates in the process of the study itself."""
    if os.getpid() == study:
        return

    def watch() -> None:
        while os.getppid() == study:
            time.sleep(LOOKS_FOR_STUDY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _without_collection() -> Iterator[None]:
    """Within this context, Python does not collect cyclic garbage in this process.

    A run makes no such garbage. But it makes so many objects that looking for it takes a tenth of
    the time. This is for processes that only simulate: a notebook may have garbage of its own.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _registered(
    files: Sequence[UserFile], carry_out_one: Callable[[Setup, Task, Path], R], setup: Setup, task: Task, folder: Path
) -> R:
    """The run, in which the policies of these files count."""
    with registered(files):
        return carry_out_one(setup, task, folder)


def _simulate(setup: Setup, task: Task, folder: Path) -> RunResult:
    run, _ = carry_out("sim", setup, task.strategy, task.seed, run_folder(folder, *task))
    return run


def _attempt(setup: Setup, task: Task, folder: Path) -> RunResult | HetschedError:
    try:
        return _simulate(setup, task, folder)
    except HetschedError as error:
        return error


@lru_cache(maxsize=1)
def _unpacked(setup: bytes) -> Setup:
    """The setup, unpacked once per process. What one run has looked up in the profile then serves
    the next run."""
    unpacked: Setup = pickle.loads(setup)
    return unpacked
