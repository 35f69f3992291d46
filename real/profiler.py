"""Measures what this machine needs for an iteration, an evaluation, a checkpoint and a start.

Each point (model, batch size, cores) is measured in a process of its own, pinned to its cores before torch is
imported: a thread pool cannot be resized reliably, and the time to start that process is measured by the way. Run as
`python -m real.profiler '<json>'`, this module is that process.
"""

import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hetsched.errors import HetschedError
from hetsched.host import available_cores
from hetsched.profiles import ProfileRow

DATASET_OF = {"resnet18": "cifar10", "resnet18-cifar": "cifar10", "resnet50": "cifar100"}
"""The data set that a model's row is filed under unless the caller says otherwise, as in published profiles."""

_WARM_UP_ITERATIONS = 2


class ProfileError(HetschedError):
    """A point could not be measured; the message says which and why."""


@dataclass(frozen=True)
class _Point:
    """What one measuring process is asked for. `started` is the wall-clock time at which it was asked."""

    model: str
    dataset: str
    batch_size: int
    device: str
    cores: int
    seconds: float
    least_iterations: int
    started: float


@dataclass(frozen=True)
class _Measured:
    """What one measuring process prints: seconds, except the last three."""

    seconds_per_iteration: float
    evaluation_s_per_image: float
    start_up_s: float
    checkpoint_s: float
    restore_s: float
    noise_cv: float
    device_name: str
    torch_version: str


def measure(
    models: Sequence[str],
    batch_sizes: Sequence[int],
    cores: Sequence[int],
    *,
    dataset: str | None = None,
    device: str = "cpu",
    seconds_per_point: float = 10.0,
    least_iterations: int = 5,
    on_row: Callable[[ProfileRow], None] | None = None,
) -> list[ProfileRow]:
    """Measure every combination of model, batch size and cores on this machine, one after another.

    The images are random ones of the right shape, because what they show does not change the time.

    Args:
        models: names from `real.models.MODELS`.
        batch_sizes: images per iteration.
        cores: CPU cores (and torch threads) to measure with; on "cuda" there is one row for each model and batch
            size, measured with the most cores named here.
        dataset: the data set that the rows are filed under and whose number of classes is used; None: the
            model's own from `DATASET_OF`.
        device: "cpu" or "cuda".
        seconds_per_point: how long to time iterations for, at each point.
        least_iterations: iterations to time even if that takes longer.
        on_row: called with each row as it is measured.

    Returns:
        The rows in order. What does not depend on the batch size (evaluation, start-up, restore, checkpoint) is
        the median over all points of one model and core count; `on_row` is given each point's own.

    Raises:
        ValueError: an unknown model or data set, more cores than this process may use, or a number that is not
            positive.
        ProfileError: a measuring process failed, for instance because the memory ran out.
    """
    from real.data import classes  # here, as it takes seconds: these import torch
    from real.models import constructor

    for model in models:
        constructor(model)
        classes(dataset or DATASET_OF.get(model, "cifar10"))
    if device == "cuda":
        from torch.cuda import is_available

        if not is_available():
            raise ValueError("torch finds no GPU on this machine; measure the cpu instead")
    available = available_cores()
    for name, values in (("cores", cores), ("batch_sizes", batch_sizes), ("least_iterations", [least_iterations])):
        if not values or min(values) < 1:
            raise ValueError(f"{name} is {list(values)}: expected whole numbers of at least 1")
    if max(cores) > len(available):
        raise ValueError(f"{max(cores)} cores were asked for, but this machine offers {len(available)}; ask for fewer")
    rows = []
    for model in models:
        for count in cores if device == "cpu" else [max(cores)]:
            of_this_model = []
            for batch_size in batch_sizes:
                point = _Point(
                    model=model,
                    dataset=dataset or DATASET_OF.get(model, "cifar10"),
                    batch_size=batch_size,
                    device=device,
                    cores=count,
                    seconds=seconds_per_point,
                    least_iterations=least_iterations,
                    started=time.time(),
                )
                row = _row(point, _measured_apart(point), len(available))
                of_this_model.append(row)
                if on_row is not None:
                    on_row(row)
            rows += _pooled(of_this_model)
    return rows


def device_type(name: str) -> str:
    """Return the short lower-case name of a GPU: "Tesla V100-SXM2-16GB" becomes "v100"."""
    noise = r"nvidia|tesla|geforce|quadro|graphics|amd|instinct|pcie|nvl|sxm\d*|hbm\w*|\d+gb"
    words = [word for word in re.split(r"[\s\-_/]+", name.lower()) if word and not re.fullmatch(noise, word)]
    return "-".join(words) or "gpu"


def _row(point: _Point, measured: _Measured, available: int) -> ProfileRow:
    on_cpu = point.device == "cpu"
    hardware = _cpu_model() if on_cpu else measured.device_name
    return ProfileRow(
        model=point.model,
        dataset=point.dataset,
        batch_size=point.batch_size,
        device="cpu" if on_cpu else device_type(measured.device_name),
        cores=point.cores if on_cpu else 0,
        gpu_share=0.0 if on_cpu else 1.0,
        seconds_per_iteration=_rounded(measured.seconds_per_iteration),
        noise_cv=_rounded(measured.noise_cv),
        evaluation_s_per_image=_rounded(measured.evaluation_s_per_image),
        start_up_s=_rounded(measured.start_up_s),
        restore_s=_rounded(measured.restore_s),
        checkpoint_s=_rounded(measured.checkpoint_s),
        provenance=f"measured {datetime.date.today().isoformat()} by hetsched profile on {hardware}, "
        f"torch {measured.torch_version}, {point.cores} of {available} cores, random images",
    )


def _rounded(value: float) -> float:
    """Keep four digits: more would be noise."""
    return float(f"{value:.4g}")


def _pooled(rows: list[ProfileRow]) -> list[ProfileRow]:
    """Replace what does not depend on the batch size by its median over these rows of one model."""
    fields = ("evaluation_s_per_image", "start_up_s", "restore_s", "checkpoint_s")
    medians = {field: _rounded(statistics.median(getattr(row, field) for row in rows)) for field in fields}
    return [row.model_copy(update=medians) for row in rows]


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _measured_apart(point: _Point) -> _Measured:
    """Measure one point in a fresh process."""
    root = str(Path(__file__).resolve().parent.parent)
    environment = dict(os.environ, OMP_NUM_THREADS=str(point.cores), MKL_NUM_THREADS=str(point.cores))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    process = subprocess.run(
        [sys.executable, "-m", "real.profiler", json.dumps(asdict(point))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        why = process.stderr.strip().rpartition("\n")[2]  # the last line of a traceback
        if process.returncode < 0:
            why = "it was killed; is the memory enough for this batch size?"
        raise ProfileError(
            f"cannot measure {point.model} with batch size {point.batch_size} on {point.device} with {point.cores} "
            f"cores: the measuring process ended with status {process.returncode}: {why}"
        )
    answer: dict[str, object] = json.loads(process.stdout.splitlines()[-1])
    return _Measured(**answer)  # type: ignore[arg-type]  # the very fields that _measure_here wrote


def _measure_here(point: _Point) -> _Measured:
    """Measure one point in this process, which must be fresh."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, available_cores()[: point.cores])  # before torch counts its threads
    import torch

    from real.data import Images, classes
    from real.training import EVALUATION_BATCH, Settings, Training

    def random_images(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8)
        return images, torch.randint(classes(point.dataset), (count,))

    def synchronise() -> None:
        if point.device != "cpu":
            torch.cuda.synchronize()

    def timed(action: Callable[[], object], least: int, seconds: float) -> list[float]:
        durations: list[float] = []
        while len(durations) < least or sum(durations) < seconds:
            synchronise()
            start = time.perf_counter()
            action()
            synchronise()
            durations.append(time.perf_counter() - start)
        return durations

    train, test = random_images(2 * point.batch_size), random_images(EVALUATION_BATCH)
    images = Images(point.dataset, *train, *test, classes=classes(point.dataset), synthetic=True)
    settings = Settings(point.model, point.dataset, point.batch_size)
    training = Training(settings, device=point.device, threads=point.cores, images=images)
    synchronise()
    start_up_s = time.time() - point.started

    hyperparameters = {"lr": 0.01, "momentum": 0.9}
    training.reset(hyperparameters, seed=0)
    training.train(_WARM_UP_ITERATIONS)
    steps = timed(lambda: training.train(1), point.least_iterations, point.seconds)
    training.evaluate()  # the first pass sets up buffers of its own
    evaluations = timed(training.evaluate, 2, point.seconds / 5)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint"
        saves = timed(lambda: training.save(file), 3, 0.0)
        loads = timed(lambda: training.load(file, hyperparameters, seed=0), 3, 0.0)

    step = statistics.median(steps)
    return _Measured(
        seconds_per_iteration=step,
        evaluation_s_per_image=statistics.median(evaluations) / EVALUATION_BATCH,
        start_up_s=start_up_s,
        checkpoint_s=statistics.median(saves),
        restore_s=statistics.median(loads),
        noise_cv=statistics.stdev(steps) / statistics.mean(steps) if len(steps) > 1 else 0.0,
        device_name="cpu" if point.device == "cpu" else torch.cuda.get_device_name(),
        torch_version=torch.__version__,
    )


def _main(arguments: Sequence[str]) -> None:
    point: Mapping[str, object] = json.loads(arguments[0])
    print(json.dumps(asdict(_measure_here(_Point(**point)))))  # type: ignore[arg-type]  # as asdict wrote it


if __name__ == "__main__":
    _main(sys.argv[1:])
