"""The cost of a large profile. With 2 or 4 times the rows it takes 2 or 4 times as long to read. So
does a simulation with as many times the kinds of trial."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from timeit import repeat

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.scenario.profile_files import read_profile, write_profile
from hetsched.scenario.scenario import Setup
from hetsched.testing.scenarios import make_setup, profile_row
from sim.engine import simulate

GPUS = ("t4", "rtx", "a100", "quad")
GANGS = range(1, 26)
BATCHES = 30
ROWS = len(GPUS) * len(GANGS) * BATCHES
"""As many rows as in Sia's published measurements."""


def large_profile(times: int, kinds: int) -> Setup:
    """One short trial per kind, and a profile of `times` x 3,000 rows."""
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
    """Simulate as for the first time, with nothing of the profile looked up before. The policy
    looks at one trial per decision, so the profile takes most of the time."""
    with TemporaryDirectory() as folder:
        simulate(setup.replace_times(StepTimes(setup.times.rows)), Strategy("gpu-only", "fifo"), 0, Path(folder))


@pytest.mark.parametrize("kinds", [1, BATCHES])
@pytest.mark.benchmark(group="a large profile")
def test_large_profile(benchmark: BenchmarkFixture, kinds: int) -> None:
    once = large_profile(1, kinds)
    benchmark.pedantic(run, (once,), rounds=5, warmup_rounds=1)
    assert benchmark.stats is not None
    benchmark.extra_info["rows"] = ROWS
    assert benchmark.stats.stats.min < 0.5
    for times in (2, 4):
        larger = large_profile(times, kinds if kinds == 1 else times * kinds)
        _check_ratio(benchmark, partial(run, once), partial(run, larger), times)


@pytest.mark.benchmark(group="a large profile")
def test_reading_a_large_profile(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    files = {times: tmp_path / f"{times}.csv" for times in (1, 2, 4)}
    for times, path in files.items():
        write_profile(path, large_profile(times, 1).times.rows)
    benchmark.pedantic(read_profile, (files[1],), rounds=5, warmup_rounds=1)
    for times in (2, 4):
        _check_ratio(benchmark, partial(read_profile, files[1]), partial(read_profile, files[times]), times)


def _check_ratio(
    benchmark: BenchmarkFixture, once: Callable[[], object], larger: Callable[[], object], times: int
) -> None:
    """Check that `times` as many rows take `times` the CPU seconds, with a tolerance of half as
    much for the machine."""
    single, several = (min(repeat(work, timer=process_time, number=1, repeat=5)) for work in (once, larger))
    ratio = several / single
    benchmark.extra_info[f"{times}_times_the_rows_take"] = ratio
    assert ratio < 1.5 * times
