"""Compare the bounds with the best schedules of small instances, found by enumeration. And measure
what the merging of arrivals costs the bound of the makespan. The figures go into docs/measured.

python -m benchmarks.bound_gap
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import permutations, product
from math import inf
from typing import NamedTuple

import numpy as np

from benchmarks.kept_rows import MEASURED, keep
from hetsched.analysis import bounds_makespan
from hetsched.analysis.bounds import jct_bound, makespan_bound, worker_devices
from hetsched.analysis.bounds_groups import Devices, Job
from hetsched.domain.cluster import Node, NodeId, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.random_streams import stream
from hetsched.domain.workload import TrialKind
from hetsched.testing.scenarios import profile_row

INSTANCES, SEED = 200, 0
TRACES, JOBS, OVERLOAD = 10, 300, 2.0
INTERVALS = (20, 80)
"""How many arrivals the linear program tells apart: as it does, and four times as many."""


class Problem(NamedTuple):
    """Jobs on workers of different types. `steps` has the seconds of an iteration by kind of trial
    and number of the worker's type."""

    jobs: Counter[Job]
    devices: Devices
    times: StepTimes
    steps: Mapping[TrialKind, list[float]]

    def arriving(self, seconds: float) -> "Problem":
        """The problem with its last arrival at this time. The other arrivals are in proportion."""
        last = max(job.arrival_s for job in self.jobs) or 1.0
        moved: Counter[Job] = Counter()
        for job, count in self.jobs.items():
            moved[job._replace(arrival_s=job.arrival_s * seconds / last)] += count
        return self._replace(jobs=moved)


def problem(rng: np.random.Generator, kinds: int, types: int, each: int, slowest: float) -> Problem:
    """Workers, `each` of every type, and kinds of trials. An iteration takes 1 s to `slowest` s,
    log-uniform, by kind and type."""
    names = [TrialKind(f"model{number}", "cifar10", 32) for number in range(kinds)]
    steps = {kind: np.exp(rng.uniform(0, np.log(slowest), types)).tolist() for kind in names}
    times = StepTimes(
        profile_row(f"gpu{number}", model=kind.model, seconds=step)
        for kind, of_kind in steps.items()
        for number, step in enumerate(of_kind)
    )
    nodes = [Node(NodeId(f"n{number}"), each, each, f"gpu{number}") for number in range(types)]
    devices = worker_devices(gpu_worker(node, gpu, 1) for node in nodes for gpu in range(each))
    return Problem(Counter(), devices, times, steps)


def instance(rng: np.random.Generator) -> Problem:
    """2 to 5 trials of two kinds and 1 to 20 iterations, on 1 to 3 workers of different types. They
    arrive within 20 s."""
    found = problem(rng, kinds=2, types=int(rng.integers(1, 4)), each=1, slowest=4.0)
    kinds = list(found.steps)
    for _ in range(int(rng.integers(2, 6))):
        kind, iterations = kinds[int(rng.integers(2))], int(rng.integers(1, 21))
        found.jobs[Job(kind, iterations, arrival_s=float(rng.uniform(0, 20)))] += 1
    return found


def best_without_preemption(found: Problem) -> tuple[float, float]:
    """The least makespan and the least mean JCT of all schedules that never preempt: every order of
    the trials on every choice of workers."""
    makespan = jct = inf
    for order in permutations(found.jobs.elements()):
        for workers in product(range(len(found.devices.units)), repeat=len(order)):
            free = [0.0] * len(found.devices.units)
            total = 0.0
            for job, worker in zip(order, workers, strict=True):
                end = max(free[worker], job.arrival_s) + job.iterations * found.steps[job.kind][worker]
                free[worker] = end
                total += end - job.arrival_s
            makespan, jct = min(makespan, max(free)), min(jct, total / len(order))
    return makespan, jct


def gaps() -> Iterator[dict[str, object]]:
    """By how many percent the best schedules are above the bounds: the median and the ninth
    decile."""
    above: dict[str, list[float]] = {"mean JCT": [], "makespan": []}
    for number in range(INSTANCES):
        found = instance(stream(SEED, "bound gap", number))
        makespan, jct = best_without_preemption(found)
        above["mean JCT"].append(100 * (jct / jct_bound(found.jobs, found.devices, found.times) - 1))
        above["makespan"].append(100 * (makespan / makespan_bound(found.jobs, found.devices, found.times) - 1))
    for figure, percents in above.items():
        median, decile = np.quantile(percents, (0.5, 0.9)).tolist()
        yield {"figure": figure, "instances": INSTANCES, "median": median, "ninth_decile": decile}


def overloading(rng: np.random.Generator) -> Problem:
    """300 jobs of four kinds that arrive one by one, on 12 workers of three types. All jobs
    together take the workers twice as long as the jobs take to arrive."""
    found = problem(rng, kinds=4, types=3, each=4, slowest=4.0)
    kinds = list(found.steps)
    for arrival in rng.exponential(size=JOBS).cumsum():
        iterations = int(rng.lognormal(8, 1.0)) + 1
        found.jobs[Job(kinds[int(rng.integers(len(kinds)))], iterations, arrival_s=float(arrival))] += 1
    work_s = makespan_bound(found.arriving(0.0).jobs, found.devices, found.times)
    return found.arriving(work_s / OVERLOAD)


def with_intervals(found: Problem, intervals: int) -> float:
    """The bound of the makespan, by a linear program of any size that tells so many arrivals
    apart."""
    usual = bounds_makespan.INTERVALS, bounds_makespan.COLUMNS
    bounds_makespan.INTERVALS, bounds_makespan.COLUMNS = intervals, 10**9
    bounds_makespan.makespan_of.cache_clear()
    try:
        return makespan_bound(found.jobs, found.devices, found.times)
    finally:
        bounds_makespan.INTERVALS, bounds_makespan.COLUMNS = usual
        bounds_makespan.makespan_of.cache_clear()


def merged() -> dict[str, object]:
    """By how many percent the bound is lower with fewer arrivals: the median and the greatest."""
    lost = []
    for number in range(TRACES):
        found = overloading(stream(SEED, "merged arrivals", number))
        few, many = (with_intervals(found, intervals) for intervals in INTERVALS)
        lost.append(100 * (1 - few / many))
    return {"traces": TRACES, "jobs": JOBS, "median": float(np.median(lost)), "greatest": max(lost)}


def main() -> None:
    keep(MEASURED / "bound_gap.csv", list(gaps()), ["figure"])
    keep(MEASURED / "merged_arrivals.csv", [merged()], ["jobs"])


if __name__ == "__main__":
    main()
