"""An allocation policy that chooses among options says what it chose, and why."""

from pathlib import Path

import pytest

from hetsched import allocation
from hetsched.allocation.fusion import Fusion
from hetsched.cli.main import main
from hetsched.domain.registry import Strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import scenario_file
from hetsched.studies.chosen_workers import chosen_workers
from tests.conftest import make_setup, profile_row


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


def test_a_bundle_that_runs_more_kinds_is_not_said_to_train_most() -> None:
    rows = [profile_row(seconds=12.0), profile_row(seconds=12.0, model="resnet50"), profile_row("v100", seconds=0.1)]
    nodes = ({"name": "a", "cores": 4}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"})
    tables = [{"name": model, "model": model} for model in ("resnet18", "resnet50")]
    [uniform, shared] = chosen_workers(make_setup(nodes, rows, experiments=tables), ["uniform+fifo", "shared-gpu+fifo"])
    assert "bundle: 1 core; of 5 bundles it runs most kinds of trial (2), though others are faster" in uniform
    assert "the profile knows no shares of these GPUs" in shared


@pytest.mark.parametrize("reason", ["because", lambda: "because", lambda *_: 1 / 0, lambda *_: None])
def test_a_reason_that_means_something_else_is_not_asked(reason: object) -> None:
    mine = type("Mine", (Fusion,), {"reason": staticmethod(reason) if callable(reason) else reason})
    allocation.register("mine")(mine)
    assert chosen_workers(load_setup(scenario_file(Path("demo"))), ["mine+fifo"]) == []


def test_sliced_says_whether_it_has_cut_a_node() -> None:
    nodes = ({"name": "a", "cores": 2}, {"name": "b", "cores": 2})
    ideal = [profile_row(cores=cores, seconds=4.0 / cores) for cores in (1, 2)]
    bounded = [profile_row(cores=cores, seconds=4.0) for cores in (1, 2)]
    [uncut] = chosen_workers(make_setup(nodes, ideal, population=4), ["sliced+fifo"])
    [cut] = chosen_workers(make_setup(nodes, bounded, population=4), ["sliced+fifo"])
    assert "sliced: 2 workers of 2 cpu (no node is cut: no cut gains 2% or more at once" in uncut
    assert "sliced: 4 workers of 1 cpu (the cuts that train most at once" in cut


@pytest.mark.parametrize("allocation", ["uniform", "sliced"])
def test_trials_that_arrive_later_count_as_if_they_were_there(allocation: str) -> None:
    """The line said "most at once ... for 8 trials" of trials that never were together."""
    said = "for 8 trials, as if all were there at once"
    for arrival_s, later in ((0.0, False), (1e6, True)):
        jobs = [{"name": name, "arrival_s": at} for name, at in (("e", 0.0), ("f", arrival_s))]
        [line] = chosen_workers(make_setup(experiments=jobs), [Strategy(allocation, "fifo")])
        assert "for 8 trials" in line and (said in line) == later


def test_compare_prints_what_an_allocation_chose(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["compare", "demo", "--strategies", "uniform+fifo", "--seeds", "1", "--jobs", "1", "--out"]
    assert main([*command, str(tmp_path / "out")]) == 0
    assert "uniform: 20 workers of 1 cpu (bundle: 1 core; of " in " ".join(capsys.readouterr().out.split())
