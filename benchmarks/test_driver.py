"""How many segments per second one driver of a real run sustains, and what a segment costs it,
compared with Tune's own PBT.

Trainings take no time, so all workers wait for the driver. All are on one Ray node of this machine.
There are one and a half times as many trials as workers. Both drivers are measured from the moment
when every worker has finished a segment until a trial is completed. `cpu_ms` is the CPU time of the
driver's process, with Ray's threads in it. `switch_ms` and `stay_ms` include the wait for a driver
that is always busy. `test_switch.py` has the figures of a driver that is not.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("ray")

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from benchmarks.kept_rows import Keep
from benchmarks.meeting import MEETING
from benchmarks.test_switch import dispatch_seconds
from benchmarks.trivial_stock import Stock
from hetsched import allocation
from hetsched.core.events import Event, SegmentEnded, TrialCompleted
from hetsched.core.state import State
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_worker
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.testing.scenarios import make_setup
from real.cluster import ray_cluster
from real.tune.run import ENVIRONMENT, run

TRIALS_PER_WORKER = 1.5
SEGMENTS = {8: 40, 32: 20, 64: 15}
"""Segments of each trial, by the number of workers."""

KEY = ("driver", "workers", "trials")

LEARNING_RATES = (1e-5, 1e-1)
STOCK_S = 40.0
"""The seconds of measuring after which Tune's own PBT is stopped."""


class Window:
    """Counts segments, and the wall and CPU seconds of this process, from when `workers` segments
    have ended."""

    def __init__(self, workers: int) -> None:
        self.segments = -workers
        self._began = self._now = (0.0, 0.0)

    def count(self) -> None:
        """Count a segment that has ended."""
        self.segments += 1
        self._now = time.perf_counter(), time.process_time()
        if self.segments == 0:
            self._began = self._now

    @property
    def wall_s(self) -> float:
        return self._now[0] - self._began[0] if self.segments > 0 else 0.0

    @property
    def figures(self) -> dict[str, float]:
        cpu_s = self._now[1] - self._began[1]
        return {
            "segments": self.segments,
            "per_second": self.segments / self.wall_s,
            "cpu_ms": 1000 * cpu_s / self.segments,
        }


class OneCoreEach:
    """A worker for every core."""

    def workers(self, cluster: ClusterSpec, workload: object, times: object) -> list[Worker]:
        return [cpu_worker(node, number, 1) for node in cluster for number in range(node.cores)]


@pytest.fixture(autouse=True)
def one_core_each(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The allocation of these benchmarks, and the folder in which workers meet. A Ray that starts
    now gets both."""
    (tmp_path / "meeting").mkdir()
    ray_cluster.close()
    monkeypatch.setenv(MEETING, f"{tmp_path / 'meeting'}:{request.getfixturevalue('workers')}")
    monkeypatch.setenv("RAY_prestart_worker_first_driver", "0")  # Tune's actors could not use those processes
    allocation.register("one-core-each")(OneCoreEach)
    yield
    del allocation.policies._factories["one-core-each"]
    ray_cluster.close()


def setup_of(workers: int, segments: int, seconds_per_iteration: float = 1e-9) -> Setup:
    row = ProfileRow(
        model="trivial",
        dataset="synthetic",
        batch_size=32,
        device="cpu",
        cores=1,
        gpu_share=0.0,
        seconds_per_iteration=seconds_per_iteration,
        provenance="declared",
    )
    setup = make_setup(
        [{"name": "n", "cores": workers, "pace": 1.0}],
        [row],
        model="trivial",
        dataset="synthetic",
        population=round(TRIALS_PER_WORKER * workers),
        stop_iterations=segments,
        train_images=500,
        evaluation_images=100,
        pbt={"perturbation_interval": 1},
    )
    real = setup.scenario.real.model_copy(update={"model_file": str(Path(__file__).parent / "trivial.py")})
    return setup.replace(real=real).replace_times(setup.times)


@pytest.mark.parametrize("workers", SEGMENTS)
@pytest.mark.benchmark(group="driver")
def test_driver(benchmark: BenchmarkFixture, workers: int, tmp_path: Path, kept: Keep) -> None:
    window, completed = Window(workers), False

    def hear(state: State, event: Event) -> None:
        nonlocal completed
        completed |= isinstance(event, TrialCompleted)
        if isinstance(event, SegmentEnded) and not completed:
            window.count()

    setup, folder = setup_of(workers, SEGMENTS[workers]), tmp_path / "run"
    folder.mkdir()
    strategy = Strategy("one-core-each", "least-progress")
    benchmark.pedantic(lambda: run(setup, strategy, 0, folder, [hear]), rounds=1)
    switched, stayed, starts = dispatch_seconds(folder / "events.jsonl")
    assert starts == workers, "one actor a worker for the whole run"
    benchmark.extra_info |= window.figures | {"switches": len(switched), "switch_ms": 1000 * median(switched)}
    if stayed:
        benchmark.extra_info["stay_ms"] = 1000 * median(stayed)
    row = {"driver": "hetsched", "workers": workers, "trials": round(TRIALS_PER_WORKER * workers)}
    kept("driver.csv", row | benchmark.extra_info, KEY)


class Count(tune.Callback):
    """Counts results until a trial is completed."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.completed = False

    def on_trial_result(self, iteration: int, trials: Sequence[Any], trial: Any, result: Any, **info: Any) -> None:
        if not self.completed:
            self.window.count()

    def on_trial_complete(self, iteration: int, trials: Sequence[Any], trial: Any, **info: Any) -> None:
        self.completed = True


class Enough(tune.Stopper):
    """Stops the run when the window is long enough or closed. Also stops trials that have all their
    segments."""

    def __init__(self, count: Count, segments: int) -> None:
        self._count = count
        self._segments = segments

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return bool(result["training_iteration"] >= self._segments)

    def stop_all(self) -> bool:
        return self._count.completed or self._count.window.wall_s > STOCK_S


@pytest.mark.parametrize("trials", ["more", "equal"])
@pytest.mark.parametrize("workers", SEGMENTS)
@pytest.mark.benchmark(group="driver")
def test_stock(
    benchmark: BenchmarkFixture, workers: int, trials: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Keep
) -> None:
    """With as many trials as for our driver, Tune's own PBT pauses trials. With one trial per
    worker it does not."""
    for key, value in ENVIRONMENT.items():
        if key != "TUNE_GLOBAL_CHECKPOINT_S":
            monkeypatch.setenv(key, value)
    ray_cluster.connect(setup_of(workers, SEGMENTS[workers]).cluster)
    count = Count(Window(workers))
    samples = round(workers * (TRIALS_PER_WORKER if trials == "more" else 1))
    tuner = tune.Tuner(
        tune.with_resources(Stock, {"cpu": 1}),
        param_space={"lr": tune.loguniform(*LEARNING_RATES)},
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=samples,
            reuse_actors=True,
            scheduler=PopulationBasedTraining(
                time_attr="training_iteration",
                perturbation_interval=1,
                hyperparam_mutations={"lr": tune.loguniform(*LEARNING_RATES)},
            ),
        ),
        run_config=tune.RunConfig(
            storage_path=str(tmp_path), stop=Enough(count, SEGMENTS[workers]), callbacks=[count], verbose=0
        ),
    )
    benchmark.pedantic(tuner.fit, rounds=1)
    benchmark.extra_info |= count.window.figures
    row = {"driver": "Tune's PBT", "workers": workers, "trials": samples}
    kept("driver.csv", row | benchmark.extra_info, KEY)
