"""Simulated segments per second, with learning curves, PBT and a log, compared with a bare SimPy
pool."""

import shutil
from functools import cache
from pathlib import Path
from timeit import repeat

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.bare_pool import run_pool
from benchmarks.kept_rows import Keep
from hetsched.domain.registry import Strategy
from hetsched.testing.scenarios import make_setup
from sim.engine import simulate

SEGMENTS_PER_TRIAL = 20
SIZES = {
    "20 trials on 8 workers": (20, 8),
    "256 trials on 16 workers": (256, 16),
    "4096 trials on 64 workers": (4096, 64),
}


@cache
def pool_speed(size: str) -> float:
    """Segments per second of the bare pool in this run: the best of five."""
    trials, workers = SIZES[size]
    seconds = min(repeat(lambda: run_pool(trials, workers, SEGMENTS_PER_TRIAL), number=1, repeat=5))
    return trials * SEGMENTS_PER_TRIAL / seconds


def unequal_nodes(workers: int) -> list[dict[str, object]]:
    return [{"name": f"n{number}", "cores": (1, 2, 4)[number % 3]} for number in range(workers)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.benchmark(group="simulated segments", disable_gc=True)
def test_bare_pool(benchmark: BenchmarkFixture, size: str) -> None:
    trials, workers = SIZES[size]
    segments = benchmark.pedantic(run_pool, (trials, workers, SEGMENTS_PER_TRIAL), rounds=5, warmup_rounds=1)
    assert benchmark.stats is not None
    benchmark.extra_info["segments_per_s"] = segments / benchmark.stats.stats.min
    assert segments == trials * SEGMENTS_PER_TRIAL


@pytest.mark.parametrize("policy", ["fifo", "least-progress", "hrfs"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.benchmark(group="simulated segments", disable_gc=True)
def test_simulate(
    benchmark: BenchmarkFixture,
    tmp_path: Path,
    size: str,
    policy: str,
    kept: Keep,
) -> None:
    trials, workers = SIZES[size]
    setup = make_setup(unequal_nodes(workers), population=trials, stop_iterations=SEGMENTS_PER_TRIAL * 10)
    folder = tmp_path / "run"

    def fresh_folder() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    decisions = benchmark.pedantic(
        lambda: simulate(setup, Strategy("fusion", policy), 0, folder), setup=fresh_folder, rounds=5, warmup_rounds=1
    )
    segments = (folder / "events.jsonl").read_text().count('"segment-ended"')
    assert benchmark.stats is not None
    best = benchmark.stats.stats.min
    benchmark.extra_info["segments_per_s"] = segments / best
    benchmark.extra_info["ratio_to_bare_pool"] = segments / best / pool_speed(size)
    benchmark.extra_info["decision_us"] = 1e6 * decisions.decision_s / decisions.decisions
    assert segments >= trials * SEGMENTS_PER_TRIAL
    costs = {"segment_us": 1e6 * best / segments, "pool_us": 1e6 / pool_speed(size)}
    row = {"policy": policy, "trials": trials, "workers": workers, **costs}
    ratio = {"ratio_to_bare_pool": benchmark.extra_info["ratio_to_bare_pool"]}
    kept("bare_pool.csv", row | ratio, ["policy", "trials", "workers"])
