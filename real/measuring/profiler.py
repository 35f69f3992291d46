"""Measures what this machine needs for an iteration, an evaluation, a checkpoint and a start.

Each point (model, batch size, cores) is measured in a process of its own (`real.measuring.one_point`); the time to
start that process is measured by the way.
"""

import datetime
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from math import sqrt
from pathlib import Path

import msgspec

from hetsched.cores import available_cores
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.workload import SpeedUp
from hetsched.errors import HetschedError
from real.measuring.one_point import Measured, Point, command, environment

DATASET_OF = {"resnet18": "cifar10", "resnet18-cifar": "cifar10", "resnet50": "cifar100"}
"""The data set that a model's row is filed under unless the caller says otherwise, as in published profiles."""

_LEAST_STARTS = 3
"""From fewer starts than that no spread is taken."""


class ProfileError(HetschedError):
    """A point could not be measured; the message says which and why."""


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
    on_row: Callable[[ProfileRow], None] | None = None,
) -> list[ProfileRow]:
    """Measure every combination of model, batch size and cores on this machine, one after another.

    The images are random ones of the right shape, because what they show does not change the time.

    Args:
        models: names from `real.training.models.MODELS`.
        batch_sizes: images per iteration.
        cores: CPU cores (and torch threads) to measure with; on "cuda" there is one row for each model and batch
            size, measured with the most cores named here.
        dataset: the data set that the rows are filed under and whose number of classes is used; None: the
            model's own from `DATASET_OF`.
        device: "cpu" or "cuda".
        speed_ups: what makes iterations faster, as in a scenario's `[real]`.
        seconds_per_point: how long to time iterations for, at each point.
        least_iterations: iterations to time even if that takes longer.
        on_row: called with each row as it is measured.

    Returns:
        The rows in order. What does not depend on the batch size (evaluation, start-up, restore, checkpoint) is
        taken over all points of one model and core count (`_pooled`); `on_row` is given each point's own.

    Raises:
        ValueError: an unknown model or data set, more cores than this process may use, or a number that is not
            positive.
        ProfileError: a measuring process failed, for instance because the memory ran out.
    """
    from real.training.data import classes  # here, as it takes seconds: these import torch
    from real.training.models import constructor

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
            others = available[count:] if device == "cpu" and hasattr(os, "sched_setaffinity") else []
            for batch_size in batch_sizes:
                point = Point(
                    model=model,
                    dataset=dataset or DATASET_OF.get(model, "cifar10"),
                    batch_size=batch_size,
                    device=device,
                    cores=available[:count],
                    others=others if batch_size == min(batch_sizes) else [],
                    seconds=seconds_per_point,
                    least_iterations=least_iterations,
                    started=time.time(),
                    speed_ups=list(speed_ups),
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


def _row(point: Point, measured: Measured, available: int) -> ProfileRow:
    on_cpu = point.device == "cpu"
    cores = len(point.cores)
    hardware = _cpu_model() if on_cpu else measured.device_name
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
    """Keep four digits: more would be noise."""
    return float(f"{value:.4g}")


_MEDIANS = (
    "evaluation_s_per_image", "start_up_s", "restore_s", "checkpoint_s",
    "object_store_save_s", "object_store_restore_s",
)  # fmt: skip
_SPREADS = ("evaluation_cv", "restore_cv", "checkpoint_cv")


def _pooled(rows: list[ProfileRow]) -> list[ProfileRow]:
    """Replace what does not depend on the batch size by one figure over these rows of one model and core count.

    Costs become their median. Coefficients of variation become their root mean square, that of all passes together,
    each around the middle of its own process. That of the start is over these rows' processes, if there are
    `_LEAST_STARTS`. Sharing is the one that was measured.
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


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _measured_apart(point: Point) -> Measured:
    """Measure one point in a fresh process."""
    process = subprocess.run(
        command("measure", point), env=environment(point), capture_output=True, text=True, check=False
    )
    if process.returncode != 0:
        why = process.stderr.strip().rpartition("\n")[2]  # the last line of a traceback
        if process.returncode < 0:
            why = "it was killed; is the memory enough for this batch size?"
        raise ProfileError(
            f"cannot measure {point.model} with batch size {point.batch_size} on {point.device} with "
            f"{len(point.cores)} cores: the measuring process ended with status {process.returncode}: {why}"
        )
    return msgspec.json.decode(process.stdout.splitlines()[-1], type=Measured)
