"""What `[metrics]` asks for and no run has is named: the tables have no column for it."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.domain.registry import Strategy
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.budget import Budget
from hetsched.studies.forecast import forecast
from hetsched.studies.planned_faults import without_effect
from hetsched.studies.watching import silent
from sim.backend import SimBackend
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


def test_a_target_that_one_of_two_experiments_reached_is_not_said_to_be_missed_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best accuracy beside it was above the target."""
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    document = with_target(0.2, "metrics").model_dump(mode="json", exclude_none=True)
    (longer,) = document["workload"]["experiments"]
    document["workload"]["experiments"] = [longer, longer | {"name": "short", "stop_iterations": 1}]
    result = hetsched.simulate(hetsched.Scenario(**document), "fusion+fifo", 1)
    assert (best := result.runs[0].metrics.best_score) is not None and best > 0.2
    assert result.warnings["fusion+fifo"] == "no run reached the target in all 2 experiments, 0.2"


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


def of_faults(folder: Path, *planned: dict[str, Any], **late: float) -> hetsched.Scenario:
    write_profile(folder / "p.csv", ROWS)
    return hetsched.Scenario.of(TABLES | {"faults": {"late": late, "planned": list(planned)}}, folder)


AWAY = {"node": "box", "at_s": 1.0, "back_s": 4.0}
IN_NO_RUN = "in no run was anybody there for the planned fault of {} s: it had no effect"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"worker": "box/cpu0", "at_s": 2.5}, IN_NO_RUN.format("box/cpu0 at 2.5")),
        ({"worker": "box/cpu0", "at_s": 4.0}, IN_NO_RUN.format("box/cpu0 at 4")),
        ({"node": "box", "at_s": 2.0, "back_s": 3.0}, IN_NO_RUN.format("box at 2")),
        ({"node": "box", "at_s": 2.0, "back_s": 5.0}, None),  # the node is away for longer
        ({"node": "box", "at_s": 4.0, "back_s": 5.0}, None),
        ({"worker": "box/cpu0", "at_s": 0.5}, None),
        ({"node": "box", "at_s": 4.5, "back_s": 5.0}, None),
        ({"node": "box", "at_s": 2.0, "back_s": 1e6}, "no run lasted until box is back at 1e+06 s"),
    ],
)
def test_a_planned_fault_of_who_is_away_is_named(fault: dict[str, Any], said: str | None, tmp_path: Path) -> None:
    """Neither log nor tables told of it."""
    warned = {} if said is None else {"fusion+fifo": said}
    scenario = of_faults(tmp_path, AWAY, fault)
    assert hetsched.simulate(scenario, "fusion+fifo", 2).warnings == warned
    assert hetsched.compare(scenario, ["fusion+fifo"], 1, baseline="fusion+fifo").warnings == warned


WORKER = {"worker": "box/cpu0", "at_s": 1.0}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (WORKER, "box/cpu0 at 1 s"),  # its node leaves at that time
        (AWAY, "box at 1 s"),
        (AWAY | {"back_s": 3.0}, "box at 1 s"),
        (WORKER | {"at_s": 1.5}, None),
        ({"node": "server", "at_s": 1.0, "back_s": 2.0}, None),
    ],
)
def test_a_fault_at_the_time_of_another_is_named(fault: dict[str, Any], said: str | None, tmp_path: Path) -> None:
    """Nothing was said."""
    lines = [] if said is None else [f"no effect: planned fault of {said}, as another planned fault hits it"]
    for planned in ((AWAY, fault), (fault, AWAY)):
        found = hetsched.simulate(of_faults(tmp_path, *planned), "fusion+fifo")
        told = [line for line in found.assumptions if "planned fault" in line]
        assert told == [f"{line} at that time" for line in lines]
        assert "box/cpu0 at 1 s" not in str(found.warnings)


def test_equal_faults_without_effect_are_said_once(tmp_path: Path) -> None:
    worker = {"worker": "box/cpu0", "at_s": 2.5}
    found = hetsched.simulate(of_faults(tmp_path, AWAY, worker, worker), "fusion+fifo")
    assert found.warnings == {"fusion+fifo": IN_NO_RUN.format("box/cpu0 at 2.5")}
    late = hetsched.simulate(of_faults(tmp_path, worker, worker, box=5.0), "fusion+fifo").assumptions
    told = [line.partition(", as ")[2] for line in late if "planned fault" in line]
    assert told == ["box comes at 5 s", "another planned fault hits it at that time"]


def test_of_real_runs_nothing_is_said_by_the_times_of_faults(tmp_path: Path) -> None:
    """Their logs have the times at which faults were noticed."""
    faults = of_faults(tmp_path, AWAY, {"worker": "box/cpu0", "at_s": 2.0})
    [run] = hetsched.simulate(faults, "fusion+fifo", 1, tmp_path / "out").runs
    assert without_effect(faults.faults, run.log, run.metrics.makespan_s) == faults.faults.planned[1:]
    run.log.write_text(run.log.read_text().replace('"backend":"sim"', '"backend":"ray"'))
    assert without_effect(faults.faults, run.log, run.metrics.makespan_s) == []


def test_a_planned_fault_of_a_node_without_workers_is_named(tmp_path: Path) -> None:
    found = hetsched.simulate(of_faults(tmp_path, AWAY), "gpu-only+fifo").warnings
    assert found == {"gpu-only+fifo": IN_NO_RUN.format("box at 1")}


def test_faults_of_nodes_without_workers_are_named(tmp_path: Path) -> None:
    write_profile(tmp_path / "p.csv", ROWS)
    spot = {"mean_between_s": 1e6, "nodes": ["box", "server"]}
    scenario = hetsched.Scenario.of(TABLES | {"faults": {"late": {"box": 1.0}, "spot": spot}}, tmp_path)
    said = "faults.{} has no effect on box: the strategy has no worker there"
    warnings = hetsched.compare(scenario, ["fusion+fifo", "gpu-only+fifo"], 2).warnings
    assert warnings["gpu-only+fifo"] == "; ".join(map(said.format, ("late", "spot.nodes")))
    assert "fusion+fifo" not in warnings


def test_a_fault_that_keeps_a_late_node_away_has_an_effect(tmp_path: Path) -> None:
    """It was called one without effect, although the node came later than without it."""
    for back_s, said in ((7.0, {}), (1e6, {"fusion+fifo": "no run lasted until box is back at 1e+06 s"})):
        found = hetsched.simulate(of_faults(tmp_path, AWAY | {"back_s": back_s}, box=5.0), "fusion+fifo")
        assert not any("no effect" in line for line in found.assumptions)
        assert found.warnings == said


def test_nodes_that_never_come_are_named(tmp_path: Path) -> None:
    """The bound of the strategy's own workers knows nothing of them."""
    found = hetsched.simulate(of_faults(tmp_path, box=1e6), "fusion+fifo").warnings
    assert found == {"fusion+fifo": "no run lasted until box joins at 1e+06 s"}


def test_variants_without_faults_lack_none(tmp_path: Path) -> None:
    late = of_faults(tmp_path, {"worker": "server/gpu0", "at_s": 1e6}, box=1e6)
    warned = hetsched.ablate(late, "fusion+fifo").warnings
    assert "joins at" in warned["everything"] and "planned fault" in warned["everything"]
    assert warned.keys().isdisjoint({"without faults", "training alone"})


def test_a_validation_names_a_target_that_neither_run_nor_simulation_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())
    result = hetsched.validate(with_target(0.99, "metrics"), ["fusion+fifo"], 1, "out", predictions=1)
    assert result.warnings == {"fusion+fifo": SAID}


def test_a_plan_names_what_no_forecast_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    setup = with_target(0.99, "stop").replace(faults={"planned": [AWAY, {"worker": "box/cpu0", "at_s": 2.0}]}).resolve()
    chosen = [Strategy("fusion", "fifo"), Strategy("fusion", "hrfs")]
    found = forecast(setup, chosen, [0, 1], 1, Budget(None), silent).forecasts
    said = f"{SAID}; {IN_NO_RUN.format('box/cpu0 at 2')}"
    assert {str(one): of.warning for one, of in found.items()} == dict.fromkeys(map(str, chosen), said)
