"""Logs small enough to be measured by hand.

Two trials of 20 iterations, on workers of one and of two cores:

| seconds | a (one core, 4 s per iteration) | b (two cores, 2 s per iteration) |
| --- | --- | --- |
| 0 to 20 | e-1, 10 iterations | e-0, 10 iterations, scores 0.3 |
| 20 to 30 | the segment of e-1 is lost at 30 | e-0, 10 iterations |
| 30 to 40 | idle | e-0 scores 0.5 and is completed |
| 40 to 60 | idle | e-1, 10 iterations, scores 0.4 |
| 60 to 80 | idle | e-1, 10 iterations, scores 0.6 and is completed |

Two experiments of a trial of 20 iterations each, on a core and a GPU:

| seconds | core (4 s per iteration) | GPU (1 s per iteration) |
| --- | --- | --- |
| 0 to 10 | y-0, 10 iterations | x-0, 10 iterations |
| 10 to 20 | y-0 | x-0, 10 iterations, and is completed |
| 20 to 40 | y-0 | idle |
| 40 to 50 | idle | y-0, 10 iterations, and is completed |
"""

from pathlib import Path

import pytest

from hetsched.analysis.metrics import Metrics, measure_log
from hetsched.core.log import read_log
from hetsched.scenario.tables import MetricsTable
from hetsched.testing import check_log
from hetsched.testing.scenarios import NO_OVERHEADS, make_setup, profile_row

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
LOG, SHARED_LOG = GOLDEN / "two-trials.jsonl", GOLDEN / "two-experiments.jsonl"


@pytest.fixture
def metrics() -> Metrics:
    setup = make_setup(population=2, overheads=NO_OVERHEADS)
    return measure_log(LOG, setup.replace(metrics=MetricsTable(target_score=0.5, deadline_s=50.0)))


@pytest.fixture
def shared() -> Metrics:
    nodes = [{"name": "g", "cores": 2, "gpus": 1, "gpu_type": "v100"}]
    rows = [profile_row(seconds=4.0), profile_row("v100", seconds=1.0)]
    experiments = [{"name": name, "population": 1} for name in "xy"]
    return measure_log(SHARED_LOG, make_setup(nodes, rows, NO_OVERHEADS, experiments=experiments))


def test_the_log_is_one(metrics: Metrics) -> None:
    assert check_log(read_log(LOG)).ended == "completed"
    assert (metrics.strategy, metrics.seed) == ("fusion+by-hand", 7)


def test_times(metrics: Metrics) -> None:
    assert metrics.makespan_s == 80.0
    assert metrics.mean_jct_s == (40 + 80) / 2
    assert metrics.p99_jct_s == pytest.approx(40 + 0.99 * (80 - 40))
    assert metrics.time_to_target_s == 40.0  # e-0 scores 0.5


def test_bounds(metrics: Metrics) -> None:
    # 40 iterations of 4 core-seconds on 3 cores; a trial alone on the larger worker needs 40 s, which is less.
    assert metrics.bound_s == pytest.approx(160 / 3)
    assert metrics.workers_bound_s == pytest.approx(160 / 3)
    assert metrics.bound_ratio == pytest.approx(80 / (160 / 3))


def test_accuracy(metrics: Metrics) -> None:
    assert metrics.best_score == 0.6
    assert metrics.score_at_deadline == 0.5  # until 50 s


def test_workers(metrics: Metrics) -> None:
    by_worker = {name.partition("/")[0]: worker for name, worker in metrics.workers.items()}
    assert (by_worker["a"].busy_s, by_worker["b"].busy_s) == (30.0, 80.0)
    assert (by_worker["a"].segments, by_worker["b"].segments) == (0, 4)
    assert metrics.utilisation == pytest.approx((30 + 80) / 160)
    assert metrics.wasted_s == 30.0
    assert metrics.wasted_fraction == pytest.approx(30 / 110)
    assert (metrics.cores_used, metrics.cores) == (3, 3)


def test_counts(metrics: Metrics) -> None:
    assert (metrics.iterations, metrics.segments, metrics.lost_segments) == (40, 4, 1)
    assert (metrics.completed, metrics.trials, metrics.exploits) == (2, 2, 0)
    assert metrics.migrations == 1  # e-1, from a to b
    assert metrics.preemptions == 0


def test_staleness(metrics: Metrics) -> None:
    # e-1 is behind e-0 by 1 interval of 10 iterations from 20 to 40 s, by 2 to 60 s and by 1 to 80 s: 80 interval-
    # seconds. e-0 is never behind. They are unfinished for 80 + 40 s.
    assert metrics.staleness == pytest.approx(80 / 120)


def test_the_log_of_two_experiments_is_one(shared: Metrics) -> None:
    assert check_log(read_log(SHARED_LOG)).ended == "completed"
    assert (shared.makespan_s, shared.bound_s) == (50.0, pytest.approx(40 / (1 + 1 / 4)))
    assert (shared.migrations, shared.preemptions) == (1, 0)  # y-0, from the core to the GPU


def test_devices(shared: Metrics) -> None:
    assert (shared.gpus_used, shared.gpus) == (1.0, 1)
    assert (shared.cores_used, shared.cores) == (2, 2)
    assert shared.utilisation == pytest.approx((40 + 30) / 100)


def test_jct_and_its_bound(shared: Metrics) -> None:
    # At the prices 4/5 of a GPU second and 1/5 of a core second an iteration costs 4/5 on either, so a trial costs 16.
    # One machine serves them from 0 to 16 and from 16 to 32: the mean moments of their work are 8 and 24. A trial ends
    # later than that by half of the 20 s that it needs at least: 8 + 10 and 24 + 10.
    assert shared.mean_jct_s == (20 + 50) / 2
    assert shared.jct_bound_s == pytest.approx((18 + 34) / 2)
    assert shared.jct_bound_ratio == pytest.approx(35 / 26)


def test_fairness(shared: Metrics) -> None:
    # With half of each device a trial makes (1 + 1/4) / 2 iterations per second: 32 s. x-0 took 20 s and y-0 50 s.
    assert shared.finish_time_fairness == pytest.approx(50 / 32)
    assert shared.mean_finish_time_fairness == pytest.approx((20 / 32 + 50 / 32) / 2)


def test_one_experiment_shares_with_none(metrics: Metrics) -> None:
    assert (metrics.finish_time_fairness, metrics.mean_finish_time_fairness) == (None, None)
