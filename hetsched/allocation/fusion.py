"""Every device at work: GPUs and the cores beside them."""

from hetsched.allocation import register
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_worker, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload


@register("fusion")
class Fusion:
    """Every GPU is a worker, and the remaining cores of each node are one CPU worker.

    The allocation of the seed system, HRFS ("heterogeneous resource fusion"): a trial may run on either. A
    GPU worker keeps one core of its node to feed it, as far as there are cores.
    """

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        workers = []
        for node in cluster:
            feeding = min(node.gpus, node.cores)
            for number in range(node.gpus):
                workers.append(gpu_worker(node, number, cores=1 if number < feeding else 0))
            if node.cores > feeding:
                workers.append(cpu_worker(node, 0, node.cores - feeding))
        return workers
