"""The cost of another trial on a warm worker of a real run, beside restore, steps, evaluation and
checkpoint. It consists of the messages between worker and driver, of Ray Tune, and of the driver's
wait for its turn.

Eight workers are on one machine, as in the figures with which Ray Tune's own switches are compared.
The baseline is the cost in the same run when a worker goes on with the same trial.
"""

from pathlib import Path
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("ray")

from benchmarks.kept_rows import Keep
from hetsched.core.events import SegmentEnded, SegmentStarted
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.registry import Strategy
from hetsched.testing.scenarios import make_setup
from real.tune.run import run

WORKERS = 8
SECONDS_PER_ITERATION = 0.5
"""A pace, so that eight workers do not compete for the cores of the machine."""


def dispatch_seconds(log: Path) -> tuple[list[float], list[float], int]:
    """For each segment on a warm worker, the seconds between two decisions in which the worker did
    not work. Returns those of another trial than before, those of the same trial, and how many
    actors were started."""
    state, starts = State(), 0
    switched: list[float] = []
    stayed: list[float] = []
    is_switch: dict[str, bool | None] = {}
    for event in read_log(log):
        if isinstance(event, SegmentStarted):
            held = state.in_memory.get(event.worker)
            is_switch[event.trial] = None if held is None else held != event.trial
        elif isinstance(event, SegmentEnded):
            starts += event.parts.start_up_s > 0
            if (kind := is_switch[event.trial]) is not None:
                (switched if kind else stayed).append(event.parts.dispatch_s)
        state.apply(event)
    return switched, stayed, starts


@pytest.mark.benchmark(group="switching trials")
def test_switch_of_trial(benchmark: BenchmarkFixture, tmp_path: Path, kept: Keep) -> None:
    nodes = [{"name": f"n{number}", "cores": 1, "pace": 1.0} for number in range(WORKERS)]
    row = ProfileRow(
        model="resnet18",
        dataset="synthetic",
        batch_size=32,
        device="cpu",
        cores=1,
        gpu_share=0.0,
        seconds_per_iteration=SECONDS_PER_ITERATION,
        provenance="declared",
    )
    setup = make_setup(
        nodes,
        [row],
        dataset="synthetic",
        population=12,
        stop_iterations=48,
        train_images=500,
        evaluation_images=100,
        pbt={"perturbation_interval": 8},
    )
    folder = tmp_path / "run"
    folder.mkdir()
    strategy = Strategy("fusion", "least-progress")
    benchmark.pedantic(lambda: run(setup, strategy, 0, folder), rounds=1)
    switched, stayed, starts = dispatch_seconds(folder / "events.jsonl")
    assert starts == WORKERS, "one actor a worker for the whole run"
    benchmark.extra_info["switches"] = len(switched)
    benchmark.extra_info["switch_ms"] = 1000 * median(switched)
    if stayed:
        benchmark.extra_info["stay_ms"] = 1000 * median(stayed)
        benchmark.extra_info["ratio_to_staying"] = median(switched) / median(stayed)
    kept("switch.csv", {"workers": WORKERS, **benchmark.extra_info}, ["workers"])
