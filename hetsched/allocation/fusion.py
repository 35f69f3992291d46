"""Every device at work: GPUs and the cores beside them."""

from collections.abc import Sequence

from hetsched.allocation import register
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_workers, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload
from hetsched.errors import InputError


@register("fusion")
class Fusion:
    """Every GPU is a worker, and the remaining cores of each node are one CPU worker.

    This is the allocation of HRFS, the predecessor of hetsched ("heterogeneous resource fusion"): a
    trial may run on a GPU or on cores. A GPU worker keeps one core of its node to feed it, as long
    as there are cores.

    `cores_per_worker` is the number of cores of every CPU worker. A node has as many such workers
    as fit. Raises InputError if no node has cores for one.
    """

    def __init__(self, cores_per_worker: int | None = None) -> None:
        self._cores = checked_cores(cores_per_worker)

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        workers = []
        for node in cluster:
            feeding = min(node.gpus, node.cores)
            for number in range(node.gpus):
                workers.append(gpu_worker(node, number, cores=1 if number < feeding else 0))
            workers += cpu_workers(node, node.cores - feeding, self._cores)
        check_room("fusion", self._cores, [node.cores - min(node.gpus, node.cores) for node in cluster])
        return workers


def checked_cores(cores_per_worker: int | None) -> int | None:
    """The option of a policy, checked. None stays None. Raises ValueError for fewer than 1 core."""
    if cores_per_worker is not None and cores_per_worker < 1:
        raise ValueError(f"cores_per_worker must be at least 1, not {cores_per_worker}")
    return cores_per_worker


def check_room(policy: str, cores_per_worker: int | None, cores: Sequence[int]) -> None:
    """Raise InputError if the nodes, which have so many cores for CPU workers, have cores but no
    node has enough for one worker."""
    most = max(cores, default=0)
    if cores_per_worker is not None and 0 < most < cores_per_worker:
        raise InputError(
            f"allocation.{policy}.cores_per_worker = {cores_per_worker}: expected at most {most}: no node has more "
            "cores for CPU workers"
        )
