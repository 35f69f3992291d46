"""Measures the seconds that an iteration, an evaluation, a checkpoint and a start take on this
machine.

Each point (model, batch size, cores) is measured in a separate process
(`real.measuring.one_point`). The start of this process gives the start-up time.
"""

import datetime
import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import sqrt
from pathlib import Path

import msgspec
from msgspec.structs import replace

from hetsched.cores import available_cores, cpu_model
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.workload import SpeedUp
from hetsched.errors import HetschedError, counted
from hetsched.signals import signals_held
from real.measuring.one_point import Measured, Point, command, environment
from real.training.trainer import load_model_file, trainers

DATASET_OF = {"resnet18": "cifar10", "resnet18-cifar": "cifar10", "resnet50": "cifar100"}
"""The data set in the row of a model, unless the caller names another one. Published profiles use
the same."""

_LEAST_STARTS = 3
"""The least number of starts from which a spread is computed."""


class ProfileError(HetschedError):
    """A point could not be measured. The message says which point and why."""


def measure(
    models: Sequence[str],
    batch_sizes: Sequence[int],
    cores: Sequence[int],
    *,
    dataset: str | None = None,
    device: str = "cpu",
    speed_ups: Sequence[SpeedUp] = (),
    seconds_per_point: float = 10.0,
    least_iterations: int = 5,
    model_file: Path | None = None,
    on_row: Callable[[ProfileRow], None] | None = None,
) -> list[ProfileRow]:
    """Measure all combinations of model, cores and batch size (in images) on this machine, in order.

    - `cores`: CPU cores, and threads of torch. On "cuda" only the most cores are measured.
    - `dataset`: the data set in the rows. None: the model's own in `DATASET_OF`.
    - `seconds_per_point`, `least_iterations`: the least seconds and iterations that are timed
    - `model_file`: registers a user's own models or trainers. `on_row` gets each row at once.

    Images are random: their content does not change the time. A user's own trainer has its own
    data. Costs that no batch size changes are pooled per model and core count (`_pooled`).

    Raises ValueError for an unknown model or data set, more cores than this process may use, and a
    number that is not positive. Raises ProfileError if a measuring process failed, as of memory."""
    filed = {model: dataset or DATASET_OF.get(model, "cifar10") for model in models}
    load_model_file(model_file)
    _check_names(filed, device)
    _check_counts(cores=cores, batch_sizes=batch_sizes, least_iterations=[least_iterations])
    rows: list[ProfileRow] = []
    for model in models:
        for count in cores if device == "cpu" else [max(cores)]:
            of_this_model = []
            for size in batch_sizes:
                beside = size == min(batch_sizes)  # neighbours are measured once
                point = _point(model, filed[model], size, device, count, beside, speed_ups, model_file)
                point = replace(point, seconds=seconds_per_point, least_iterations=least_iterations)
                of_this_model.append(_measured_row(point, on_row))
            rows += _pooled(of_this_model)
    return rows


def _check_names(datasets: Mapping[str, str], device: str) -> None:
    """Raise ValueError for an unknown model or data set, and if torch finds no GPU for "cuda"."""
    from real.training.data import classes  # here, as it takes seconds: these import torch
    from real.training.models import constructor

    for model, dataset in datasets.items():
        if model not in trainers.names():
            constructor(model)
            classes(dataset)
    if device == "cuda":
        from torch.cuda import is_available

        if not is_available():
            raise ValueError("torch finds no GPU on this machine; measure the cpu instead")


def _check_counts(*, cores: Sequence[int], **others: Sequence[int]) -> None:
    """Raise ValueError for numbers that are not positive, and for more cores than this process may
    use."""
    for name, values in {"cores": cores, **others}.items():
        if not values or min(values) < 1:
            raise ValueError(f"{name} is {list(values)}: expected whole numbers of at least 1")
    if max(cores) > (offered := len(available_cores())):
        raise ValueError(f"--cores {max(cores)}: this machine offers {counted(offered, 'core')}; ask for fewer")


def _point(
    model: str,
    dataset: str,
    batch_size: int,
    device: str,
    count: int,
    beside: bool,
    speed_ups: Sequence[SpeedUp],
    model_file: Path | None,
) -> Point:
    """The point with `count` cores of this machine. With `beside`, sharing with neighbours on the
    other cores is measured, too.

    Its time limits are not yet set.
    """
    available = available_cores()
    may_pin = device == "cpu" and hasattr(os, "sched_setaffinity")
    return Point(
        model=model,
        dataset=dataset,
        batch_size=batch_size,
        device=device,
        cores=available[:count],
        others=available[count:] if beside and may_pin else [],
        seconds=0.0,
        least_iterations=1,
        started=0.0,
        speed_ups=list(speed_ups),
        model_file=None if model_file is None else str(model_file.resolve()),
    )


def _measured_row(point: Point, on_row: Callable[[ProfileRow], None] | None) -> ProfileRow:
    """Measure the point in a process that starts now."""
    row = _row(point, _measured_apart(replace(point, started=time.time())), len(available_cores()))
    if on_row is not None:
        on_row(row)
    return row


def device_type(name: str) -> str:
    """The short lower-case name of a GPU: "Tesla V100-SXM2-16GB" becomes "v100"."""
    noise = r"nvidia|tesla|geforce|quadro|graphics|amd|instinct|pcie|nvl|sxm\d*|hbm\w*|\d+gb"
    words = [word for word in re.split(r"[\s\-_/]+", name.lower()) if word and not re.fullmatch(noise, word)]
    return "-".join(words) or "gpu"


def _row(point: Point, measured: Measured, available: int) -> ProfileRow:
    on_cpu = point.device == "cpu"
    cores = len(point.cores)
    hardware = cpu_model() if on_cpu else measured.device_name
    return ProfileRow(
        model=point.model,
        dataset=point.dataset,
        batch_size=point.batch_size,
        device="cpu" if on_cpu else device_type(measured.device_name),
        cores=cores if on_cpu else 0,
        gpu_share=0.0 if on_cpu else 1.0,
        seconds_per_iteration=_rounded(measured.iteration.seconds),
        noise_cv=_rounded(measured.iteration.cv),
        evaluation_s_per_image=_rounded(measured.evaluation.seconds / measured.evaluation_images),
        start_up_s=_rounded(measured.start_up_s),
        restore_s=_rounded(measured.load.seconds),
        checkpoint_s=_rounded(measured.save.seconds),
        evaluation_cv=_rounded(measured.evaluation.cv),
        restore_cv=_rounded(measured.load.cv),
        checkpoint_cv=_rounded(measured.save.cv),
        checkpoint_bytes=measured.checkpoint_bytes,
        object_store_save_s=_rounded(measured.memory_save_s),
        object_store_restore_s=_rounded(measured.memory_load_s),
        sharing=None if measured.sharing is None else _rounded(measured.sharing),
        provenance=f"measured {datetime.date.today().isoformat()} by hetsched profile on {hardware}, "
        f"torch {measured.torch_version}, {cores} of {available} cores, random images"
        + "".join(f", {speed_up}" for speed_up in point.speed_ups),
    )


def _rounded(value: float) -> float:
    """The value rounded to four digits. More digits would be noise."""
    return float(f"{value:.4g}")


_MEDIANS = (
    "evaluation_s_per_image", "start_up_s", "restore_s", "checkpoint_s",
    "object_store_save_s", "object_store_restore_s",
)  # fmt: skip
_SPREADS = ("evaluation_cv", "restore_cv", "checkpoint_cv")


def _pooled(rows: list[ProfileRow]) -> list[ProfileRow]:
    """The rows, of one model and core count, with common figures for what does not depend on the
    batch size.

    Costs become their median. Coefficients of variation become their root mean square, because each
    is around the mean of its own process. `start_up_cv` is over the processes of these rows, if
    there are at least `_LEAST_STARTS`. `sharing` is the one that was measured.
    """
    pooled: dict[str, float | None] = {
        name: _rounded(statistics.median(getattr(row, name) for row in rows)) for name in _MEDIANS
    }
    for name in _SPREADS:
        pooled[name] = _rounded(sqrt(statistics.fmean(getattr(row, name) ** 2 for row in rows)))
    starts = [row.start_up_s for row in rows if row.start_up_s is not None]
    if len(starts) >= _LEAST_STARTS:
        pooled["start_up_cv"] = _rounded(statistics.stdev(starts) / statistics.fmean(starts))
    pooled["sharing"] = next((row.sharing for row in rows if row.sharing is not None), None)
    return [row.model_copy(update=pooled) for row in rows]


def _ended(point: Point) -> subprocess.CompletedProcess[str]:
    """The measuring process after its end. If this process is stopped, even while it starts the
    other one, the other one is killed."""
    process = None
    try:
        with signals_held():
            process = subprocess.Popen(
                command("measure", point),
                env=environment(point),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        printed, errors = process.communicate()
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
    return subprocess.CompletedProcess(process.args, process.returncode, printed, errors)


def _measured_apart(point: Point) -> Measured:
    """Measure one point in a new process. Raises ProfileError if the process fails."""
    process = _ended(point)
    why = process.stderr.strip().rpartition("\n")[2]  # the last line of a traceback
    if process.returncode < 0:
        why = "it was killed; is the memory enough for this batch size?"
    elif process.returncode == 0:
        for line in reversed(process.stdout.splitlines()):  # a trainer of one's own may have printed others
            with suppress(msgspec.DecodeError):
                return msgspec.json.decode(line, type=Measured)
        why = "it printed no result: does the trainer end the process?"
    raise ProfileError(
        f"cannot measure {point.model} with batch size {point.batch_size} on {point.device} with "
        f"{counted(len(point.cores), 'core')}: the measuring process ended with status {process.returncode}: {why}"
    )
