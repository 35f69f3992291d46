"""Several trials on one GPU."""

from hetsched.allocation import register
from hetsched.allocation.speed import members_on, training_speed
from hetsched.domain.cluster import ClusterSpec, Gpu, GpuCut, Worker, WorkerType, cpu_worker, gpu_workers
from hetsched.domain.profiles import StepTimes
from hetsched.domain.rounding import ROUNDING, level
from hetsched.domain.workload import Workload
from hetsched.errors import InputError

MOST = 10_000
"""The most workers on a GPU: Ray counts shares in parts of so many."""


@register("shared-gpu")
class SharedGpu:
    """Every GPU is shared by k workers, and the remaining cores of each node are one CPU worker.

    These are Ray's fractional GPUs. The workers of a GPU run side by side and slow each other down,
    as the profile's rows for their `gpu_share` say. Each has its share of the memory, too. As in
    `fusion`, every GPU worker keeps one core of its node to feed it, as long as there are cores.

    `k` is the number of workers on a GPU. Without it, each type of GPU gets a k of its own.
    Considered are the k that were measured for most kinds of trial, and that these kinds fit. The k
    whose workers together train fastest by the profile is taken. If none was measured, k is 1. A
    share s in the profile means k = floor(1 / s) workers, and the workers get this share as the
    profile has it.

    Raises ValueError for a k below 1 or above 10,000. Raises InputError if k is given and the
    profile has no row for its share.
    """

    def __init__(self, k: int | None = None) -> None:
        if k is not None and (type(k) is not int or not 1 <= k <= MOST):
            raise ValueError(f"k: expected a whole number of workers, from 1 to {MOST:,}, got {k!r}")
        self.k = k

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        kinds = dict.fromkeys(gpu for node in cluster for gpu in node.each_gpu)
        cuts = {gpu: self._cut(gpu, workload, times) for gpu in kinds}
        workers = []
        for node in cluster:
            gpus = gpu_workers(node, cuts.__getitem__)
            cores = node.cores - sum(worker.cores for worker in gpus)
            workers += gpus + ([cpu_worker(node, 0, cores)] if cores else [])
        return workers

    def reason(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> str:
        """Why a GPU has its number of workers."""
        if self.k is not None:
            return f"k = {self.k} was given"
        gpus = {gpu.type for node in cluster for gpu in node.each_gpu}
        if not any(row.device in gpus and row.gpu_share < 1 for row in times.rows):
            return "the profile knows no shares of these GPUs, so each has one worker"
        return "k of each GPU, by the profile the fastest together"

    def _cut(self, gpu: Gpu, workload: Workload, times: StepTimes) -> GpuCut:
        """How many workers a GPU of this type gets, and the share of each."""
        measured = {row.gpu_share for row in times.rows if row.device == gpu.type and row.gpu_share <= 1}
        found: list[tuple[GpuCut, int, float]] = []
        for share in sorted(measured | {1 / (self.k or 1)}, reverse=True):
            k = int(1 / share + ROUNDING)
            shared = _shared(gpu, share)
            speed = training_speed(workload, times, shared)
            if speed is not None and self.k in (None, k):
                found.append(((k, share), len(members_on(workload, times, shared)), k * speed))
        if found:
            speeds = level([speed for *_, speed in found])
            best = max(range(len(found)), key=lambda number: (found[number][1], speeds[number]))
            return found[best][0]  # of equals the first, with the fewest workers
        if self.k in (None, 1):
            return 1, 1.0
        raise InputError(self._missing(gpu, workload, times))

    def _missing(self, gpu: Gpu, workload: Workload, times: StepTimes) -> str:
        """A message that names the row which the profile lacks."""
        assert self.k is not None
        shared = _shared(gpu, 1 / self.k)
        kinds = [
            kind
            for experiment in workload.experiments
            if experiment.may_use(gpu.type)
            for kind in experiment.kinds
            if times.seconds_per_iteration(kind, shared.gang(experiment.gang)) is None
        ]
        if not times.fits(kinds[0], shared):
            return (
                f"allocation.shared-gpu.k = {self.k}: {kinds[0]} needs more memory than each of {self.k} workers on a "
                f"{gpu.type} has, which is {shared.memory_gib:g} GiB: share the GPUs by fewer, or leave k out"
            )
        return (
            f"allocation.shared-gpu.k = {self.k}: the profile has no row for {kinds[0]} on a {gpu.type} with a "
            f"gpu_share of 1/{self.k}: measure it, or leave k out"
        )


def _shared(gpu: Gpu, share: float) -> WorkerType:
    """The type of a worker with this share of this GPU."""
    return WorkerType(gpu.type, 0, share, gpu_memory_gib=gpu.memory_gib)
