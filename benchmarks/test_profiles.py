"""What a large profile costs a simulation: one of twice the rows, and twice the kinds of trial, takes twice as long."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from timeit import repeat

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.testing.scenarios import make_setup, profile_row
from sim.engine import simulate

GPUS = ("t4", "rtx", "a100", "quad")
GANGS = range(1, 26)
BATCHES = 30
ROWS = len(GPUS) * len(GANGS) * BATCHES
"""As many as in Sia's published measurements."""


def large_profile(times: int, kinds: int) -> Setup:
    """One short trial of each of so many kinds, and a profile of `times` x 3,000 rows."""
    batches = [16 * number for number in range(1, times * BATCHES + 1)]
    rows = [
        profile_row(gpu, batch_size=batch, gpu_share=float(gang), seconds=0.1 + 0.001 * batch / gang)
        for gpu in GPUS
        for gang in GANGS
        for batch in batches
    ]
    node = {"name": "n", "cores": 8, "gpus": 4, "gpu_type": "t4"}
    return make_setup([node], rows, batch_size=batches[:kinds], population=kinds, stop_iterations=10)


def run(setup: Setup) -> None:
    """Simulate as for the first time: nothing of the profile was looked up before."""
    with TemporaryDirectory() as folder:
        simulate(setup.replace_times(StepTimes(setup.times.rows)), Strategy("gpu-only", "srtf"), 0, Path(folder))


@pytest.mark.parametrize("kinds", [1, BATCHES])
@pytest.mark.benchmark(group="a large profile")
def test_large_profile(benchmark: BenchmarkFixture, kinds: int) -> None:
    once, twice = large_profile(1, kinds), large_profile(2, kinds if kinds == 1 else 2 * kinds)
    benchmark.pedantic(run, (once,), rounds=5, warmup_rounds=1)
    assert benchmark.stats is not None
    ratio = min(repeat(partial(run, twice), number=1, repeat=5)) / benchmark.stats.stats.min
    benchmark.extra_info["rows"] = ROWS
    benchmark.extra_info["twice_the_rows_take"] = ratio
    assert benchmark.stats.stats.min < 0.5 and ratio < 3
