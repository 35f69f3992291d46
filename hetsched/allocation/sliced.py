"""CPU nodes cut into the workers whose cores train most."""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import accumulate
from math import inf
from typing import NamedTuple

import numpy as np

from hetsched.allocation import register
from hetsched.allocation.speed import Member, members_on, trials_in_words
from hetsched.domain.cluster import CPU, ClusterSpec, Worker, WorkerType, cpu_worker, gpu_workers
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload

Cut = tuple[int, ...]
"""The cores of each worker of a node."""


class Offer(NamedTuple):
    """What a node offers to k trials: iterations per second of its k fastest workers, and all its
    workers."""

    speed: float
    workers: int


ROUNDING = 1e-9
"""More workers must be faster by more than this share."""

WORTHWHILE = 0.02
"""Cuts must make the cluster faster by at least this share: more and slower workers make the end of
a run coarser."""


@register("sliced")
class Sliced:
    """Every GPU is a worker, and the remaining cores of each node are cut into the workers that
    train most together.

    Training gains ever less from more cores (Amdahl's law). So 8 workers of 2 cores often train
    more than one worker of 16 cores, as long as there are trials for all of them. As in `fusion`,
    one core feeds each GPU. A node with c cores left may be cut into any number m of workers, of c
    // m or c // m + 1 cores each.

    All cuts are chosen together. They maximise the iterations per second of the fastest n workers
    of the cluster, GPUs included; n trials cannot use more workers. Iterations per second come from
    the profile. They are summed over the trials of the workload. An iteration counts with its share
    of the segment's costs beside training: evaluation and checkpoint.

    Let g_i(k) be the speed of the k fastest workers of node i, maximised over its cuts. Dynamic
    programming over the nodes maximises sum_i g_i(k_i) subject to sum_i k_i <= n. The result is
    exact. Of equal cuts the one with fewest workers is taken. If all cuts together make the cluster
    faster by less than 2%, no node is cut.

    `trials` is n. Without it, n is the number of all trials of the workload, each times its gang:
    all of them may run at once. A core count is considered if the profile has the step times on it
    of all trials that it has on any core count of the node. A node without such a core count is a
    single worker. A node that has none of the n fastest workers gets as few workers as possible.

    Raises ValueError for fewer than 1 trial.
    """

    def __init__(self, trials: int | None = None) -> None:
        if trials is not None and (type(trials) is not int or trials < 1):
            raise ValueError(f"trials: expected a whole number, at least 1, got {trials!r}")
        self.trials = trials

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        gpus = [gpu_workers(node) for node in cluster]
        cores = [node.cores - sum(gpu.cores for gpu in here) for node, here in zip(cluster, gpus, strict=True)]
        shapes = [(count, node.pace) for node, count in zip(cluster, cores, strict=True)]
        best = {shape: _best_cuts(*shape, workload, times) for shape in dict.fromkeys(shapes)}

        gpu_speeds = [_segment_speed(workload, times, gpu.type) or 0.0 for here in gpus for gpu in here]
        offers = [[Offer(speed, len(cut)) for speed, cut in best[shape]] for shape in shapes]
        offers.append([Offer(speed, len(gpu_speeds)) for speed in _fastest(gpu_speeds)])
        trials = self.trials or sum(experiment.population * experiment.gang for experiment in workload.experiments)
        counts = _most_together(offers, min(trials, sum(cores) + len(gpu_speeds)))
        together = sum(of_one[count].speed for of_one, count in zip(offers, counts, strict=True))
        uncut = [_segment_speed(workload, times, WorkerType(CPU, c, 0.0, pace)) or 0.0 for c, pace in shapes if c]
        if together <= (1 + WORTHWHILE) * sum(nlargest(trials, uncut + gpu_speeds)):
            best = {shape: [(0.0, (shape[0],) if shape[0] else ())] for shape in best}
            counts = [0] * len(counts)

        workers = []
        for node, here, shape, count in zip(cluster, gpus, shapes, counts, strict=False):  # the last count is the GPUs'
            _, cut = best[shape][count]
            workers += here + [cpu_worker(node, number, size) for number, size in enumerate(cut)]
        return workers

    def reason(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> str:
        """The reason for the cuts, or for none, with the number of trials."""
        trials = self.trials or sum(experiment.population * experiment.gang for experiment in workload.experiments)
        on = Counter(worker.node for worker in self.workers(cluster, workload, times) if worker.device == CPU)
        if max(on.values(), default=0) <= 1:
            gain = f"gains {WORTHWHILE:.0%} or more"
            return f"no node is cut: no cut {gain} at once, by the profile, for {trials_in_words(trials, workload)}"
        return f"the cuts that train most at once, by the profile, for {trials_in_words(trials, workload)}"


def _best_cuts(cores: int, pace: float | None, workload: Workload, times: StepTimes) -> list[tuple[float, Cut]]:
    """For k = 0, 1, ...: the speed of the k fastest workers of the best cut of `cores` cores, and
    this cut. The speed is -inf for a k that no cut allows."""
    known: list[tuple[float, Cut]] = []
    on = {c: members_on(workload, times, WorkerType(CPU, c, 0.0, pace)) for c in range(1, cores + 1)}
    all_that_run = frozenset[Member]().union(*on.values())
    for number in range(1, cores + 1):
        size, larger = divmod(cores, number)
        cut = (size + 1,) * larger + (size,) * (number - larger)
        full = [c for c in dict.fromkeys(cut) if on[c] == all_that_run]
        by_size = {c: _segment_speed(workload, times, WorkerType(CPU, c, 0.0, pace)) for c in full}
        speeds = [speed for c in cut if (speed := by_size.get(c)) is not None]
        if len(speeds) == number:
            known = known or [(0.0, cut)]
            known += [(-inf, cut)] * (number + 1 - len(known))
            for k, speed in enumerate(_fastest(speeds)):
                if speed > known[k][0] * (1 + ROUNDING):
                    known[k] = (speed, cut)
    return known or _whole(cores, _segment_speed(workload, times, WorkerType(CPU, cores, 0.0, pace)) if cores else None)


def _whole(cores: int, speed: float | None) -> list[tuple[float, Cut]]:
    """As `_best_cuts`, for a node that stays a single worker."""
    cut = (cores,) if cores else ()
    return [(0.0, cut), *([(speed, cut)] if speed else [])]


def _segment_speed(workload: Workload, times: StepTimes, worker: WorkerType) -> float | None:
    """Iterations per second in usual segments on a worker of the type, summed over the trials that
    run on it. None: no trial runs on it."""
    speeds = []
    for experiment in workload.experiments:
        for kind, trials in experiment.kinds.items() if experiment.may_use(worker.device) else ():
            gang = worker.gang(experiment.gang)
            seconds = times.seconds_per_iteration(kind, gang)
            if seconds is not None:
                costs = times.costs(kind, gang)
                fixed = experiment.evaluation_images * costs.evaluation_s_per_image + costs.checkpoint_s
                speeds.append(trials / (seconds + fixed / experiment.interval))
    return sum(speeds) if speeds else None


def _fastest(speeds: Iterable[float]) -> list[float]:
    """The sum of the k greatest speeds, for k = 0, 1, ..."""
    return list(accumulate(sorted(speeds, reverse=True), initial=0.0))


def _most_together(offers: Sequence[Sequence[Offer]], at_most: int) -> list[int]:
    """The k_i, which sum to `at_most` or less, by which the speeds of offers[i][k_i] sum to most.
    Of equals, the k_i with the fewest workers are taken."""
    total, workers = np.zeros(at_most + 1), np.zeros(at_most + 1, dtype=int)  # [n]: with k_i that sum to at most n
    choices = []
    for of_one in offers:
        before, fewest, choice = total, workers, np.zeros(at_most + 1, dtype=int)
        total, workers = before.copy(), fewest + of_one[0].workers
        for k, offer in enumerate(of_one[1 : at_most + 1], start=1):
            with_k, number = before[: at_most + 1 - k] + offer.speed, fewest[: at_most + 1 - k] + offer.workers
            faster = with_k > total[k:] * (1 + ROUNDING)
            better = faster | ((with_k >= total[k:] * (1 - ROUNDING)) & (number < workers[k:]))
            total[k:][better], workers[k:][better], choice[k:][better] = with_k[better], number[better], k
        choices.append(choice)
    counts = []
    for choice in reversed(choices):
        counts.append(int(choice[at_most]))
        at_most -= counts[-1]
    return counts[::-1]
