"""One fixed bundle for every trial, as in Ray Tune."""

from collections import Counter
from heapq import nlargest
from itertools import chain, repeat

from hetsched.allocation import register
from hetsched.allocation.speed import Member, members_on, training_speed, trials_in_words
from hetsched.domain.cluster import CPU, ClusterSpec, Node, Worker, WorkerType, cpu_worker, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.rounding import level
from hetsched.domain.workload import Workload
from hetsched.errors import counted


@register("uniform")
class Uniform:
    """Every trial gets the same fixed bundle, as in Ray Tune; nodes that cannot hold it idle.

    A bundle is one GPU with a core to feed it, or a number of cores. Bundles that fit no node are
    left out. The bundle on which most kinds of trial run is taken. Of several such bundles, the one
    whose workers together train fastest by the profile is taken, so that the baseline is the best
    fixed bundle. At most as many workers count as the workload's trials can use at once. Of equals,
    and without a profile, GPUs come before cores, and few cores before many. A bundle with a GPU
    runs on any type of GPU.
    """

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        worths = _worths(cluster, workload, times)
        best = max(worths, key=worths.__getitem__, default=None)
        if best is None:
            return [gpu_worker(node, number, cores=1) for node in cluster for number in range(_fed(node))]
        return [cpu_worker(node, number, best) for node in cluster for number in range(node.cores // best)]

    def reason(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> str:
        """Which bundle is taken, of how many, for how many trials, and how fast the next best
        bundle is."""
        worths = _worths(cluster, workload, times)
        if not worths:
            return "no node can hold a bundle"
        best, *others = sorted(worths, key=worths.__getitem__, reverse=True)
        trials = sum(experiment.population * experiment.gang for experiment in workload.experiments)
        (kinds, speed), bundle = worths[best], _in_words(best)
        if not speed:
            return f"bundle: {bundle}; the profile knows no speed, so GPUs come before cores"
        most = "trains most at once"
        if any(worths[other][1] > speed for other in others):
            most = f"runs most kinds of trial ({kinds}), though others are faster"
        why = f"of {len(worths)} bundles it {most}, by the profile, for {trials_in_words(trials, workload)}"
        alike = [other for other in others if worths[other][0] == kinds]
        behind = f"; next: {_in_words(alike[0])}, {worths[alike[0]][1] / speed:.2f} as fast" if alike else ""
        return f"bundle: {bundle}; {why}{behind}"


Bundle = int | None
"""A number of cores. None: a GPU with a core to feed it."""


def _in_words(bundle: Bundle) -> str:
    return "1 GPU + 1 core" if bundle is None else counted(bundle, "core")


def _worths(cluster: ClusterSpec, workload: Workload, times: StepTimes) -> dict[Bundle, tuple[int, float]]:
    """What each bundle that fits some node is worth. Speeds that differ only by rounding are
    equal."""
    sizes = range(1, max((node.cores for node in cluster), default=0) + 1)
    bundles: dict[Bundle, Counter[WorkerType]] = {None: _gpus(cluster)}
    bundles |= {cores: _cpus(cluster, cores) for cores in sizes}
    worths = {bundle: _worth(types, workload, times) for bundle, types in bundles.items() if types}
    speeds = level([speed for _, speed in worths.values()])
    return {bundle: (kinds, speed) for (bundle, (kinds, _)), speed in zip(worths.items(), speeds, strict=True)}


def _fed(node: Node) -> int:
    """How many of its GPUs have a core to feed them."""
    return min(node.gpus, node.cores)


def _gpus(cluster: ClusterSpec) -> Counter[WorkerType]:
    """How many workers of which type there would be with a GPU each."""
    alike = Counter((node.each_gpu, node.pace, _fed(node)) for node in cluster)
    types: Counter[WorkerType] = Counter()
    for (gpus, pace, fed), nodes in alike.items():
        for gpu in gpus[:fed]:
            types[WorkerType(gpu.type, 0, 1.0, pace, gpu.memory_gib)] += nodes
    return types


def _cpus(cluster: ClusterSpec, cores: int) -> Counter[WorkerType]:
    """How many workers of which type there would be with `cores` cores each."""
    types: Counter[WorkerType] = Counter()
    for (of_node, pace), nodes in Counter((node.cores, node.pace) for node in cluster).items():
        if of_node >= cores:
            types[WorkerType(CPU, cores, 0.0, pace)] += nodes * (of_node // cores)
    return types


def _worth(types: Counter[WorkerType], workload: Workload, times: StepTimes) -> tuple[int, float]:
    """How many kinds of trial run on some of the workers, and the iterations per second, summed
    over the trials, of the workers that all trials can use at once."""
    used = sum(experiment.population * experiment.gang for experiment in workload.experiments)
    speeds = [repeat(training_speed(workload, times, one) or 0.0, min(count, used)) for one, count in types.items()]
    run = frozenset[Member]().union(*(members_on(workload, times, one) for one in types))
    return len(run), sum(nlargest(used, chain.from_iterable(speeds)))
