"""The seconds that bounds take. Every round has other trials, so no result of an earlier round is
reused."""

from collections import Counter
from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.kept_rows import Keep
from hetsched.analysis.bounds import cluster_devices, jct_bound, makespan_bound, worker_devices
from hetsched.analysis.bounds_groups import Devices, Job
from hetsched.domain.cluster import ClusterSpec, Node, NodeId, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.testing.scenarios import profile_row

Problem = tuple[Counter[Job], Devices, StepTimes]


def ten_types(rng: np.random.Generator) -> tuple[Devices, StepTimes]:
    """1,000 workers, 100 of each of 10 types."""
    nodes = [Node(NodeId(f"n{number}"), 100, 100, f"gpu{number}") for number in range(10)]
    times = [profile_row(f"gpu{n}", seconds=float(rng.uniform(0.1, 5))) for n in range(10)]
    return worker_devices(gpu_worker(node, gpu, 1) for node in nodes for gpu in range(100)), StepTimes(times)


def population(sizes: np.ndarray) -> Counter[Job]:
    return Counter(Job(TrialKind("resnet18", "cifar10", 32), int(n)) for n in sizes)


def like_trials(rng: np.random.Generator) -> Problem:
    """10,000 trials to one stop iteration, on 1,000 workers of 10 types."""
    return population(np.full(10_000, rng.integers(1000, 2000))), *ten_types(rng)


def trials_at_any_progress(rng: np.random.Generator) -> Problem:
    """10,000 trials that ended anywhere between 1 and 100,000 iterations, on 1,000 workers of 10
    types."""
    return population(rng.integers(1, 100_000, 10_000)), *ten_types(rng)


def any_allocation(rng: np.random.Generator) -> Problem:
    """The same trials on 1,000 nodes of 4 to 64 cores, which may be cut in any way."""
    sizes = (4, 8, 12, 16, 24, 32, 40, 48, 56, 64)
    cluster = ClusterSpec(tuple(Node(NodeId(f"n{cores}-{n}"), cores) for cores in sizes for n in range(100)))
    times = StepTimes(profile_row(cores=cores, seconds=4 / cores + 0.05) for cores in (1, 2, 4, 8, 16, 32, 64))
    return population(rng.integers(1, 100_000, 10_000)), cluster_devices(cluster, times), times


def trace(rng: np.random.Generator) -> Problem:
    """960 jobs of 26 kinds in gangs of 1 to 8 that arrive one by one, on 36 GPUs of 3 types, which
    they overload."""
    kinds = [f"model{number}" for number in range(26)]
    rows = [
        profile_row(f"gpu{gpu}", model=kind, seconds=float(rng.uniform(0.1, 3)) / gang**0.8, gpu_share=float(gang))
        for kind in kinds
        for gpu in range(3)
        for gang in (1, 2, 4, 8)
    ]
    nodes = [Node(NodeId(f"n{number}"), 12, 12, f"gpu{number}") for number in range(3)]
    workers = [gpu_worker(node, gpu, 1) for node in nodes for gpu in range(12)]
    arrivals = rng.exponential(100, 960).cumsum()
    jobs = Counter(
        Job(
            TrialKind(str(rng.choice(kinds)), "cifar10", 32),
            int(rng.lognormal(8, 1.5)) + 1,
            None,
            float(arrival),
            int(rng.choice([1, 2, 4, 8], p=[0.7, 0.1, 0.15, 0.05])),
        )
        for arrival in arrivals
    )
    return jobs, worker_devices(workers), StepTimes(rows)


@pytest.mark.parametrize("bound", [makespan_bound, jct_bound])
@pytest.mark.parametrize("problem", [like_trials, trials_at_any_progress, any_allocation, trace])
@pytest.mark.benchmark(group="bounds")
def test_bound(
    benchmark: BenchmarkFixture,
    problem: Callable[[np.random.Generator], Problem],
    bound: Callable[[Counter[Job], Devices, StepTimes], float],
    kept: Keep,
) -> None:
    seeds = count()
    found = benchmark.pedantic(bound, setup=lambda: (problem(np.random.default_rng(next(seeds))), {}), rounds=5)
    assert benchmark.stats is not None
    benchmark.extra_info["ms_mean"] = 1000 * benchmark.stats.stats.mean
    benchmark.extra_info["ms_max"] = 1000 * benchmark.stats.stats.max
    row = {"problem": problem.__name__, "bound": bound.__name__, **benchmark.extra_info}
    kept("bounds.csv", row, ["problem", "bound"])
    assert found > 0
    if problem is not trace:
        assert benchmark.stats.stats.max < 1.0
