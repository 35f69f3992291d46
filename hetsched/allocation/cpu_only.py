"""CPU cores alone."""

from hetsched.allocation import register
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload


@register("cpu-only")
class CpuOnly:
    """All cores of each node are one CPU worker, and the GPUs idle.

    With `gpu-only` it says what each half of an unequal cluster is worth alone.
    """

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        return [cpu_worker(node, 0, node.cores) for node in cluster]
