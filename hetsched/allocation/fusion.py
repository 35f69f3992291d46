"""Every device at work: GPUs and the cores beside them."""

from hetsched.allocation import register
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_workers, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload


@register("fusion")
class Fusion:
    """Every GPU is a worker, and the remaining cores of each node are one CPU worker.

    This is the allocation of HRFS, the predecessor of hetsched ("heterogeneous resource fusion"): a
    trial may run on a GPU or on cores. A GPU worker keeps one core of its node to feed it, as long
    as there are cores.

    `cores_per_worker` is the number of cores of every CPU worker. A node has as many such workers
    as fit.
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
        return workers


def checked_cores(cores_per_worker: int | None) -> int | None:
    """The option of a policy, checked. None stays None. Raises ValueError for fewer than 1 core."""
    if cores_per_worker is not None and cores_per_worker < 1:
        raise ValueError(f"cores_per_worker must be at least 1, not {cores_per_worker}")
    return cores_per_worker
