"""What `[metrics]` asks for and no run has is named: the tables have no column for it."""

from copy import deepcopy
from pathlib import Path

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.scenario.profile_files import write_profile
from tests.conftest import ROWS
from tests.test_front_door import TABLES

SAID = "no run reached the target, 0.99"


@pytest.mark.parametrize("where", ["metrics", "stop"])
def test_every_study_names_a_target_that_no_run_reaches(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    scenario = with_target(0.99, where)
    assert hetsched.simulate(scenario, "fusion+fifo", 2).warnings == {"fusion+fifo": SAID}
    assert hetsched.compare(scenario, seeds=2).warnings == {"uniform+fifo": SAID, "fusion+hrfs": SAID}
    assert hetsched.ablate(scenario, "fusion+fifo", 2).warnings["everything"] == SAID
    (tmp_path / "s.toml").write_text(scenario.to_toml())
    assert main(["compare", "s.toml", "--seeds", "2", "--out", "out"]) == 0
    assert f"warning: uniform+fifo: {SAID}" in capsys.readouterr().out


@pytest.mark.parametrize("target", [None, 0.01])
def test_a_target_that_is_reached_is_not(target: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    assert not hetsched.compare(with_target(target, "metrics"), seeds=2).warnings


def with_target(target: float | None, where: str) -> hetsched.Scenario:
    """The target is the scenario's, or the score at which the experiment stops."""
    tables = deepcopy(TABLES)
    (experiment,) = tables["workload"]["experiments"]
    experiment["evaluation_images"] = 100
    if target is not None:
        if where == "metrics":
            tables["metrics"] = {"target_score": target}
        else:
            experiment["stop_score"] = target
    return hetsched.Scenario(**tables)


def test_a_deadline_and_a_budget_without_a_score_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    tables = deepcopy(TABLES)
    tables["metrics"] = {"deadline_s": 1e-3, "budget": 1e-9}
    for node in tables["cluster"]["nodes"]:
        node["price_per_h"] = 1.0
    said = hetsched.compare(hetsched.Scenario(**tables), seeds=2).warnings
    assert (
        said["fusion+hrfs"]
        == "no run has a score by its deadline, 0.001 s; no run has a score within its budget, 1e-09"
    )


def test_planned_faults_that_hit_nobody_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    planned = [{"node": "box", "at_s": 1.0, "back_s": 2.0}, {"worker": "server/gpu0", "at_s": 1e6}]
    tables = TABLES | {"faults": {"late": {"box": 5.0}, "planned": planned}}
    found = hetsched.simulate(hetsched.Scenario(**tables), "fusion+fifo")
    assert "no effect: planned fault of box at 1 s, as box comes at 5 s" in found.assumptions
    assert found.warnings["fusion+fifo"] == "no run lasted until the planned fault of server/gpu0 at 1e+06 s"
