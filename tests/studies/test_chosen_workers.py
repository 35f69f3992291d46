"""An allocation policy that chooses among options says what it chose, and why."""

from pathlib import Path

import pytest

from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import scenario_file
from hetsched.studies.chosen_workers import chosen_workers


@pytest.mark.parametrize(
    ("population", "said"),
    [
        (5, "uniform: 2 workers of k80 (bundle: 1 GPU + 1 core; of 5 bundles it trains most at once, by the profile, "),
        (10, "uniform: 10 workers of 2 cpu (bundle: 2 cores; "),
        (40, "uniform: 20 workers of 1 cpu (bundle: 1 core; "),
    ],
)
def test_the_bundle_of_uniform_follows_the_population(population: int, said: str) -> None:
    setup = load_setup(scenario_file(Path("demo")))
    workload = setup.scenario.workload
    experiments = [each.model_copy(update={"population": population}) for each in workload.experiments]
    changed = setup.replace(workload=workload.model_copy(update={"experiments": experiments}))
    [line] = chosen_workers(changed, ["uniform+fifo", "uniform+hrfs", "fusion+fifo"])
    assert line.startswith(said)
    assert f"for {population} trials; next: " in line


def test_a_policy_that_is_not_known_here_has_no_line() -> None:
    assert chosen_workers(load_setup(scenario_file(Path("demo"))), ["mine+fifo", "gpu-only+fifo"]) == []
    assert len(chosen_workers(load_setup(scenario_file(Path("demo"))), ["sliced+fifo", "shared-gpu+fifo"])) == 2
