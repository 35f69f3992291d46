"""Copied weights may have more iterations behind them than anybody recorded: studies say so."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.domain.learning import models
from hetsched.report.suite_tables import remarks
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.suite.suite import suite
from sim.backend import SimBackend
from tests.conftest import ROWS, profile_row
from tests.test_front_door import TABLES

LIMIT = 40
MODEL = f'''
from hetsched.domain.learning import register

@register("forty")
class Forty:
    """Every iteration makes the score better. The recordings ended after {LIMIT}."""

    def fresh(self, kind):
        return 0

    def train(self, weights, kind, hyperparameters, iterations):
        return weights + iterations

    def score(self, weights, normal):
        return weights / 1000

    def beyond(self, kind, iterations):
        if kind.model == "unrecorded":
            return None
        return "nobody saw more than {LIMIT}" if iterations > {LIMIT} else None
'''
SAID = "accuracy: nobody saw more than 40"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "_factories", dict(models._factories))
    (tmp_path / "model.py").write_text(MODEL)
    rows = [*ROWS, *(profile_row(model="unrecorded", batch_size=32, cores=cores, seconds=0.01) for cores in (1, 2))]
    write_profile(tmp_path / "p.csv", rows)
    return tmp_path


def setup(folder: Path, *experiments: dict[str, Any], model: str = "forty") -> Setup:
    tables = deepcopy(TABLES) | {"strategies": ["fusion+fifo"], "policy_files": ["model.py"]}
    tables["learning"] = {"model": model}
    (one,) = tables["workload"]["experiments"]
    one["population"] = 6
    tables["workload"]["experiments"] = [one | changes for changes in experiments or ({},)]
    return hetsched.Scenario.of(tables, folder).resolve()


def longest(result: Any) -> int:
    return int(max(run.metrics.lineage_iterations for run in result.runs))


def test_every_study_says_that_copies_are_beyond_what_was_recorded(folder: Path) -> None:
    """The best weights had more iterations behind them than the recordings, without a word."""
    of_one = setup(folder)
    for result in (
        hetsched.simulate(of_one, "fusion+fifo", 2),
        hetsched.compare(of_one, seeds=2),
        hetsched.ablate(of_one, "fusion+fifo", 2),
    ):
        assert longest(result) > LIMIT
        said = f"{SAID}; by copies, best weights have up to {longest(result)} iterations behind them"
        assert [line for line in result.assumptions if SAID in line] == [said]


def test_a_suite_says_it_per_scenario(folder: Path) -> None:
    """Comparisons of several scenarios said nothing of it. Their logs are deleted."""
    setup(folder).save(folder / "saved")
    result = suite([folder / "saved" / SCENARIO_NAME], ["fifo"], 2, folder / "out")
    [said] = [line for line in result.assumptions["small"] if SAID in line]
    one = hetsched.compare(setup(folder), seeds=[0, 1])
    assert said == f"{SAID}; by copies, best weights have up to {longest(one)} iterations behind them"
    assert f"small: {said}" in list(remarks(result)) and SAID in (folder / "out" / SUMMARY_NAME).read_text()


def test_a_validation_says_it_of_its_predictions_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured has no learning model. Here the simulator carries it out."""
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())
    result = hetsched.validate(setup(folder), ["fusion+fifo"], 1, folder / "validated")
    behind = max(int(run.metrics.lineage_iterations or 0) for run in result.predicted)
    assert behind > LIMIT
    said = f"{SAID}; by copies, best weights have up to {behind} iterations behind them"
    assert [line for line in result.assumptions if SAID in line] == [said]
    assert not any(SAID in line for line in hetsched.run(setup(folder), "fusion+fifo", 1, folder / "run").assumptions)


def test_a_plan_says_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its assumptions lacked what a comparison of the same simulations says."""
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())
    found = hetsched.plan(setup(folder), ["fusion+fifo"], 2, folder / "planned")
    one = hetsched.compare(found.setup, ["fusion+fifo"], 2)
    said = f"{SAID}; by copies, best weights have up to {longest(one)} iterations behind them"
    assert [line for line in found.assumptions if SAID in line] == [said]


def test_what_is_said_of_every_trial_is_not_said_again_of_copies(folder: Path) -> None:
    result = hetsched.simulate(setup(folder, {"stop_iterations": LIMIT + 10}), "fusion+fifo")
    assert longest(result) > LIMIT + 10
    assert [line for line in result.assumptions if SAID in line] == [SAID]


@pytest.mark.parametrize("stop", [20, LIMIT])
def test_weights_within_the_recordings_are_not_named(stop: int, folder: Path) -> None:
    alone = setup(folder, {"stop_iterations": stop, "pbt": {"perturbation_interval": stop}})
    assert not any(SAID in line for line in hetsched.simulate(alone, "fusion+fifo").assumptions)


@pytest.mark.parametrize("recorded_wins", [True, False])
def test_of_several_experiments_that_of_the_best_weights_counts(recorded_wins: bool, folder: Path) -> None:
    """An experiment without recordings may have more iterations behind its weights."""
    stop = {True: LIMIT, False: 10}[recorded_wins]
    recorded = {"name": "recorded", "stop_iterations": stop}
    other = {"name": "other", "model": "unrecorded", "stop_iterations": 10 if recorded_wins else 100}
    result = hetsched.simulate(setup(folder, recorded, other), "fusion+fifo")
    assert longest(result) > LIMIT
    assert any(SAID in line for line in result.assumptions) == recorded_wins


def test_a_model_that_fails_afterwards_costs_no_figures(folder: Path) -> None:
    (folder / "model.py").write_text(f"{MODEL}        \n" + FAILING)
    failing = setup(folder, model="fails-beyond")
    result = hetsched.simulate(failing, "fusion+fifo")
    [line] = [line for line in result.assumptions if "fails-beyond" in line]
    assert line.startswith("learning model 'fails-beyond': beyond raised KeyError")
    assert beyond_recordings(failing, []) == []


FAILING = f"""
@register("fails-beyond")
class FailsBeyond(Forty):
    def beyond(self, kind, iterations):
        if iterations > {LIMIT}:
            raise KeyError("gone")
"""
