"""A log small enough to be measured by hand: two trials of 20 iterations, on workers of one and of two cores.

| seconds | a (one core, 4 s per iteration) | b (two cores, 2 s per iteration) |
| --- | --- | --- |
| 0 to 20 | e-1, 10 iterations | e-0, 10 iterations, scores 0.3 |
| 20 to 30 | the segment of e-1 is lost at 30 | e-0, 10 iterations |
| 30 to 40 | idle | e-0 scores 0.5 and is completed |
| 40 to 60 | idle | e-1, 10 iterations, scores 0.4 |
| 60 to 80 | idle | e-1, 10 iterations, scores 0.6 and is completed |
"""

from pathlib import Path

import pytest

from hetsched.analysis.metrics import Metrics, measure_log
from hetsched.core.log import read_log
from hetsched.scenario.tables import MetricsTable
from hetsched.testing import check_log
from hetsched.testing.scenarios import make_scenario

LOG = Path(__file__).parents[1] / "data" / "golden" / "two-trials.jsonl"


@pytest.fixture
def metrics() -> Metrics:
    setup = make_scenario(population=2)
    return measure_log(LOG, setup.replace(metrics=MetricsTable(target_accuracy=0.5, deadline_s=50.0)))


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
    assert metrics.best_accuracy == 0.6
    assert metrics.accuracy_at_deadline == 0.5  # until 50 s


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
