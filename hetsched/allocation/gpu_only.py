"""GPUs alone."""

from hetsched.allocation import register
from hetsched.domain.cluster import ClusterSpec, Worker, gpu_workers
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload
from hetsched.errors import InputError


@register("gpu-only")
class GpuOnly:
    """Every GPU is a worker with a core to feed it, and the remaining cores idle.

    Most clusters do this. Compared with `fusion`, it shows the worth of the cores. Raises
    InputError for a cluster without GPUs.
    """

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        workers = [worker for node in cluster for worker in gpu_workers(node)]
        if not workers:
            raise InputError(
                "cluster.nodes: the allocation gpu-only needs a GPU, and no node has one; add one, or use cpu-only"
            )
        return workers
