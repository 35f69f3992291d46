"""CPU cores alone."""

from hetsched.allocation import register
from hetsched.allocation.fusion import check_room, checked_cores
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_workers
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload


@register("cpu-only")
class CpuOnly:
    """All cores of each node are one CPU worker, and the GPUs idle.

    Together with `gpu-only` it says what each half of an unequal cluster achieves alone.

    `cores_per_worker` is the number of cores of every worker. A node has as many such workers as
    fit. Raises InputError if no node has cores for one.
    """

    def __init__(self, cores_per_worker: int | None = None) -> None:
        self._cores = checked_cores(cores_per_worker)

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        check_room("cpu-only", self._cores, [node.cores for node in cluster])
        return [worker for node in cluster for worker in cpu_workers(node, node.cores, self._cores)]
