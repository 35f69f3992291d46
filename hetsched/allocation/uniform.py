"""One fixed bundle for every trial, as Ray Tune has it."""

from heapq import nlargest

from hetsched.allocation import register
from hetsched.allocation.speed import Member, members_on, training_speed
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_worker, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload


@register("uniform")
class Uniform:
    """Every trial gets the same fixed bundle, as in Ray Tune; nodes that cannot hold it idle.

    A bundle is one GPU with a core to feed it, or a number of cores. Of the bundles that fit some node it takes the one
    on which most kinds of trial run, and of those the one whose workers together train fastest by the profile, so that
    the baseline is the best fixed bundle; no more workers count than the workload's trials can use at once. Without a
    profile, GPUs come before cores and few cores before many. A bundle with a GPU runs on any type of GPU.
    """

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        candidates = [self._gpu_workers(cluster)]
        sizes = {cores // parts for cores in {node.cores for node in cluster} for parts in range(1, cores + 1)}
        candidates += [self._cpu_workers(cluster, cores) for cores in sorted(sizes)]
        return max(filter(None, candidates), key=lambda workers: self._worth(workers, workload, times), default=[])

    def _gpu_workers(self, cluster: ClusterSpec) -> list[Worker]:
        return [gpu_worker(node, n, cores=1) for node in cluster for n in range(min(node.gpus, node.cores))]

    def _cpu_workers(self, cluster: ClusterSpec, cores: int) -> list[Worker]:
        return [cpu_worker(node, n, cores) for node in cluster for n in range(node.cores // cores)]

    def _worth(self, workers: list[Worker], workload: Workload, times: StepTimes) -> tuple[int, float]:
        """How many kinds of trial run on some of the workers, and the iterations per second, summed over the trials, of
        the workers that all of them can use at once."""
        used = sum(experiment.population * experiment.gang for experiment in workload.experiments)
        types = dict.fromkeys(worker.type for worker in workers)
        speeds = {worker_type: training_speed(workload, times, worker_type) or 0.0 for worker_type in types}
        run = frozenset[Member]().union(*(members_on(workload, times, worker_type) for worker_type in types))
        return len(run), sum(nlargest(used, (speeds[worker.type] for worker in workers)))
