"""Every scheduling policy on a few scenarios of the suite: its decision time as the timing, and its
quality beside it.

    pytest benchmarks/test_policies.py --benchmark-only --benchmark-json now.json [--policy-file mine.py]
    pytest-benchmark compare before.json now.json

docs/suite.md shows how to keep such reports of a policy over its commits.
"""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from hetsched import scheduling
from hetsched.scenario.checks import profiled_workers
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import suite_file
from hetsched.studies.measuring_policy import MEASURE
from hetsched.studies.one_run import RunResult, carry_out
from hetsched.studies.periods import fitted
from hetsched.studies.suite.carry_out import strategy_of

SCENARIOS = ("gpus-4-4-4", "one-fast-gpu", "small-population")
ROUNDS = 3


@dataclass
class DecisionClock:
    """A timer of the seconds in which policies decide. It stops between decisions."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    def add(self, run: RunResult) -> RunResult:
        assert run.decision_s is not None
        self.seconds += run.decision_s
        return run


CLOCK = DecisionClock()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "policy" in metafunc.fixturenames:
        names = [name for name in scheduling.policies.names() if name != MEASURE]
        metafunc.parametrize("policy", names)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.benchmark(group="decisions of a run", timer=CLOCK)
def test_policy(benchmark: BenchmarkFixture, policy: str, scenario: str, tmp_path: Path) -> None:
    setup = load_setup(suite_file(scenario))
    strategy = strategy_of(setup, policy)
    profiled_workers(setup, strategy)
    setup, _ = fitted(setup, [strategy])
    numbers = count()

    def run() -> RunResult:
        return CLOCK.add(carry_out("sim", setup, strategy, 0, tmp_path / str(next(numbers)))[0])

    found = benchmark.pedantic(run, rounds=ROUNDS)
    metrics = found.metrics
    benchmark.extra_info |= {
        "makespan_s": metrics.makespan_s,
        "bound_ratio": metrics.workers_bound_ratio,
        "best_score": metrics.best_score,
        "decisions": found.decisions,
        "iterations": metrics.iterations,
    }
    assert metrics.completed == metrics.trials
