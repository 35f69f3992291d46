"""The process that measures one point for the profiler, and those that train beside it.

    python -m real.measuring.one_point measure '<Point>'      # prints a `Measured` as its last line
    python -m real.measuring.one_point neighbour '<Point>'    # prints a line once it trains, until its parent ends it

It must be fresh: it pins itself to its cores before torch is imported, as a thread pool cannot be
resized reliably.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hetsched.domain.cluster import CPU, NodeId, Worker, WorkerId
from hetsched.domain.workload import SpeedUp

if TYPE_CHECKING:
    from real.training.trainer import Settings, Trainer

Clock = Callable[[], float]
_WARM_UP_ITERATIONS = 2
_LEAST_EVALUATIONS = 3
_LEAST_CHECKPOINTS = 5
_HYPERPARAMETERS = {"lr": 0.01, "momentum": 0.9}


class Point(Struct, frozen=True):
    """The task of a measuring process. `started` is the wall-clock time, in seconds, at which the
    process was started."""

    model: str
    dataset: str
    batch_size: int
    device: str
    cores: list[int]
    """The numbers of the cores to which the process is pinned."""
    others: list[int]
    """The numbers of the cores on which neighbours train while sharing is measured. Empty: sharing
    is not measured."""
    seconds: float
    """The least seconds for which iterations are timed."""
    least_iterations: int
    started: float
    speed_ups: list[SpeedUp] = []
    model_file: str | None = None


class Timed(Struct, frozen=True):
    """The median seconds of what was timed, and their standard deviation divided by their mean."""

    seconds: float
    cv: float


class Measured(Struct, frozen=True):
    """The result of a measuring process. Names of seconds end in `_s`. `sharing` is the factor of
    `_sharing`. None: it was not measured."""

    iteration: Timed
    evaluation: Timed
    """The time of one pass over `evaluation_images` images."""
    evaluation_images: int
    start_up_s: float
    save: Timed
    load: Timed
    checkpoint_bytes: int
    memory_save_s: float
    memory_load_s: float
    sharing: float | None
    device_name: str
    torch_version: str


def command(role: str, point: Point) -> list[str]:
    """The command line of a measuring process."""
    return [sys.executable, "-m", "real.measuring.one_point", role, msgspec.json.encode(point).decode()]


def environment(point: Point) -> dict[str, str]:
    """The environment of a measuring process."""
    threads = str(len(point.cores))
    path = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH")]
    return dict(
        os.environ,
        OMP_NUM_THREADS=threads,
        MKL_NUM_THREADS=threads,
        PYTHONPATH=os.pathsep.join(filter(None, path)),
    )


def measure_here(point: Point) -> Measured:
    """Measure one point in this process."""
    training = _started(point)
    start_up_s = time.time() - point.started
    training.reset(_HYPERPARAMETERS, seed=0)

    import torch

    from real.training.training import EVALUATION_BATCH

    training.train(_WARM_UP_ITERATIONS, None, point.batch_size)
    steps = _iterations(point, training, point.seconds)
    training.evaluate()  # the first pass sets up buffers of its own
    evaluations = _timed(point, training.evaluate, _LEAST_EVALUATIONS, point.seconds / 5)
    size, saves, loads = _file_times(point, training)
    memory_saves, memory_loads = _memory_times(point, training)
    return Measured(
        iteration=_summary(steps),
        evaluation=_summary(evaluations),
        evaluation_images=EVALUATION_BATCH,
        start_up_s=start_up_s,
        save=_summary(saves),
        load=_summary(loads),
        checkpoint_bytes=size,
        memory_save_s=statistics.median(memory_saves),
        memory_load_s=statistics.median(memory_loads),
        sharing=_sharing(point, training) if point.others else None,
        device_name="cpu" if point.device == "cpu" else torch.cuda.get_device_name(),
        torch_version=str(torch.__version__),
    )


def _timed(
    point: Point, action: Callable[[], object], least: int, seconds: float, clock: Clock = time.perf_counter
) -> list[float]:
    """The seconds of each call of the action. There are at least `least` calls, and they take at
    least `seconds` seconds together."""
    durations: list[float] = []
    while len(durations) < least or sum(durations) < seconds:
        _synchronise(point)
        start = clock()
        action()
        _synchronise(point)
        durations.append(clock() - start)
    return durations


def _iterations(point: Point, training: "Trainer", seconds: float, clock: Clock = time.perf_counter) -> list[float]:
    return _timed(point, lambda: training.train(1, None, point.batch_size), point.least_iterations, seconds, clock)


def _file_times(point: Point, training: "Trainer") -> tuple[int, list[float], list[float]]:
    """The bytes of a checkpoint's file, and the seconds of each save and load."""

    def load() -> None:
        training.load(file, _HYPERPARAMETERS, seed=0)

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint"
        training.save(file)
        size = file.stat().st_size
        saves = _timed(point, lambda: training.save(file), _LEAST_CHECKPOINTS, point.seconds / 10)
        return size, saves, _timed(point, load, _LEAST_CHECKPOINTS, point.seconds / 20)


def _memory_times(point: Point, training: "Trainer") -> tuple[list[float], list[float]]:
    """The seconds of putting a checkpoint into memory, and of reading it from there.

    A checkpoint is copied twice: by the worker, and by Ray into shared memory. Ray is not used
    here, so a second copy replaces its part.
    """
    from real.checkpoints.snapshot import copied

    saves = _timed(point, lambda: copied(training.snapshot()), _LEAST_CHECKPOINTS, 0.0)
    snapshot = training.snapshot()
    loads = _timed(point, lambda: training.take_up(snapshot, _HYPERPARAMETERS, seed=0), _LEAST_CHECKPOINTS, 0.0)
    return saves, loads


def _sharing(point: Point, training: "Trainer") -> float:
    """The factor by which an iteration takes longer beside neighbours than without them, before and
    after.

    It is computed from the CPU time of the process, so other load on its cores does not count. A
    factor below 1 can only be noise, and counts as 1.
    """
    alone = _iterations(point, training, point.seconds / 4, time.process_time)
    with _neighbours(point):
        together = _iterations(point, training, point.seconds / 2, time.process_time)
    alone += _iterations(point, training, point.seconds / 4, time.process_time)
    return max(1.0, statistics.median(together) / statistics.median(alone))


@contextmanager
def _neighbours(point: Point) -> Iterator[None]:
    """Within the context, other trials of the same kind train on all other cores. Each has as many
    cores as this one. Raises RuntimeError if one of them ends early."""
    count = len(point.cores)
    groups = [point.others[first : first + count] for first in range(0, len(point.others), count)]
    processes = []
    try:
        for cores in groups:
            own = replace(point, cores=cores, others=[])
            process = subprocess.Popen(command("neighbour", own), env=environment(own), stdout=subprocess.PIPE)
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RuntimeError(f"a trial beside it ended with status {process.wait()}; is the memory enough?")
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _train_beside(point: Point) -> None:
    """Train until the parent ends this process, or has ended."""
    parent = os.getppid()
    training = _started(point)
    training.reset(_HYPERPARAMETERS, seed=0)
    training.train(_WARM_UP_ITERATIONS, None, point.batch_size)
    print("training", flush=True)
    while os.getppid() == parent:
        training.train(1, None, point.batch_size)


def _started(point: Point) -> "Trainer":
    """A training on the point's cores with random images of the right shape, or the user's own
    trainer."""
    if hasattr(os, "sched_setaffinity"):  # neither macOS nor Windows has it
        os.sched_setaffinity(0, point.cores)  # before torch counts its threads
    import torch

    from real.training.data import Images, classes
    from real.training.trainer import load_model_file, trainers
    from real.training.training import EVALUATION_BATCH, Training

    settings = _settings(point, EVALUATION_BATCH)
    load_model_file(settings.model_file)
    if settings.model in trainers.names():
        worker = Worker(WorkerId("here/0"), NodeId("here"), point.device, len(point.cores), float(point.device != CPU))
        return trainers.factory(settings.model)(settings, worker, len(point.cores))

    def random_images(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8)
        return images, torch.randint(classes(point.dataset), (count,))

    train, test = random_images(2 * point.batch_size), random_images(EVALUATION_BATCH)
    images = Images(point.dataset, *train, *test, classes=classes(point.dataset), synthetic=True)
    training = Training(settings, device=point.device, threads=len(point.cores), images=images)
    _synchronise(point)
    return training


def _settings(point: Point, images: int) -> "Settings":
    """What is trained. A user's own trainer evaluates that many images."""
    from real.training.trainer import Settings

    file = None if point.model_file is None else Path(point.model_file)
    return Settings(
        point.model,
        point.dataset,
        point.batch_size,
        train_images=2 * point.batch_size,
        evaluation_images=images,
        model_file=file,
        speed_ups=tuple(point.speed_ups),
    )


def _synchronise(point: Point) -> None:
    if point.device != "cpu":
        import torch

        torch.cuda.synchronize()


def _summary(durations: Sequence[float]) -> Timed:
    cv = statistics.stdev(durations) / statistics.mean(durations) if len(durations) > 1 else 0.0
    return Timed(statistics.median(durations), cv)


def _main(role: str, text: str) -> None:
    point = msgspec.json.decode(text, type=Point)
    if role == "neighbour":
        _train_beside(point)
    else:
        print(msgspec.json.encode(measure_here(point)).decode())


if __name__ == "__main__":
    _main(*sys.argv[1:])
