"""Assumptions and warnings stand beside figures, wherever the figures are shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.core.log import LOG_NAME
from hetsched.domain.learning import models
from hetsched.report.export.exporting import exported
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.again import is_complete, result_in
from hetsched.studies.caveats import Caveats
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.one_run import carry_out
from hetsched.studies.results import StrategyResult
from hetsched.studies.ro_crate import CRATE_NAME, STUDY_NAME
from sim.backend import SimBackend
from tests.conftest import ROWS
from tests.rising import Rising
from tests.test_front_door import TABLES

TARGET = {"metrics": {"target_score": 0.999}}
STUDIES: dict[str, Callable[[hetsched.Scenario], Any]] = {
    "compare": lambda s: hetsched.compare(s, seeds=[3, 1], folder="out"),
    "simulate": lambda s: hetsched.simulate(s, "fusion+hrfs", 2, "out"),
    "validate": lambda s: hetsched.validate(s, seeds=2, predictions=2, folder="out"),
}


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> hetsched.Scenario:
    """The profile lacks the time of an evaluation, and no run reaches the target. What is carried
    out for real, the simulator does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())
    write_profile(tmp_path / "p.csv", [row.model_copy(update={"evaluation_s_per_image": None}) for row in ROWS])
    return hetsched.Scenario(**TABLES | TARGET)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_that_was_stopped_has_its_assumptions(study: str, scenario: hetsched.Scenario) -> None:
    said = STUDIES[study](scenario)
    assert said.assumptions
    (Path("out") / SUMMARY_NAME).unlink()
    again = result_in(Path("out"))
    assert list(again.assumptions) == list(said.assumptions)
    assert not isinstance(again, hetsched.PlanResult) and again.warnings == said.warnings != {}
    if study == "validate":  # its predictions and its real runs are two studies to others
        return
    exported(Path("out"), "ro-crate", None)
    description = json.loads((Path("out") / CRATE_NAME).read_text())["@graph"][1]["description"]
    for line in Caveats(said.assumptions, said.warnings).lines():
        assert line in description
    loaded = hetsched.load_results("out")
    assert (list(loaded.assumptions), loaded.warnings) == (list(said.assumptions), said.warnings)


def test_late_workers_of_a_real_run_are_said_wherever_it_is_shown(
    scenario: hetsched.Scenario, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only `show` and the report of the run said it."""
    paced = [node.model_dump() | {"pace": 2.0} for node in scenario.cluster.nodes]
    hetsched.simulate(scenario.replace(cluster={"nodes": paced}), "fusion+hrfs", folder="out")
    events = [json.loads(line) for line in (Path("out") / LOG_NAME).read_text().splitlines()]
    events[0]["backend"] = "ray"
    for event in events:
        if event["event"] == "segment-ended":
            event["late_s"] = 0.6 * event["parts"]["train_s"]
    (Path("out") / LOG_NAME).write_text("".join(f"{json.dumps(event)}\n" for event in events))
    for name in (SUMMARY_NAME, STUDY_NAME):
        (Path("out") / name).unlink(missing_ok=True)
    said = "could not hold its pace"
    warning = hetsched.load_results("out").warnings["fusion+hrfs"]
    assert said in warning and "set real.time_scale" in warning
    for command in (["watch", "out"], ["watch", "out", "--json"], ["export", "out", "--to", "csv"]):
        assert main(command) == 0
        assert said in capfd.readouterr().out
    assert main(["show", "out"]) == 0
    assert capfd.readouterr().out.count(said) == warning.count(said)


def test_repetitions_that_were_stopped_say_that_seeds_are_missing(
    scenario: hetsched.Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs that are there are complete, so nothing told them from a whole study."""
    with monkeypatch.context() as stopped:
        stopped.setattr("hetsched.studies.simulate.carry_out", second_raises(carry_out))
        with pytest.raises(KeyboardInterrupt):
            hetsched.simulate(scenario, "fusion+hrfs", 6, "out")
    said = "no run reached the target, 0.999; the study has not come to its end: runs of further seeds may be missing"
    assert hetsched.load_results("out").warnings["fusion+hrfs"] == said
    again = result_in(Path("out"))
    assert isinstance(again, StrategyResult) and again.warnings["fusion+hrfs"] == said
    assert not is_complete(again)


def second_raises(original: Callable[..., Any]) -> Callable[..., Any]:
    calls: list[int] = []

    def called(*words: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*words)

    return called


def test_a_part_of_a_comparison_has_the_caveats_of_the_whole(
    scenario: hetsched.Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = hetsched.compare(scenario, seeds=2, folder="out")
    for part in (Path("out/fusion+hrfs"), Path("out/fusion+hrfs/seed-1")):
        loaded = hetsched.load_results(part)
        assert list(loaded.assumptions) == list(whole.assumptions)
        assert loaded.warnings["fusion+hrfs"] == whole.warnings["fusion+hrfs"]
        assert main(["show", str(part)]) == 0
        assert whole.assumptions[0] in " ".join(capsys.readouterr().out.split())


def test_a_folder_of_several_studies_has_the_caveats_of_all(scenario: hetsched.Scenario) -> None:
    one = hetsched.simulate(scenario, "fusion+hrfs", 1, "both/one")
    other = hetsched.simulate(scenario.replace(metrics={"target_score": 0.998}), "uniform+fifo", 1, "both/other")
    loaded = hetsched.load_results("both")
    assert set(loaded.assumptions) == {*one.assumptions, *other.assumptions}
    assert loaded.warnings == {**one.warnings, **other.warnings}


def test_a_stopped_run_with_a_curve_of_ones_own_says_that_its_assumptions_are_not_known(
    scenario: hetsched.Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as known:
        known.setattr(models, "_factories", {**models._factories, "rising": Rising})
        hetsched.simulate(scenario.replace(learning={"model": "rising"}), "fusion+fifo", 1, "out")
    (Path("out") / SUMMARY_NAME).unlink()
    [line] = hetsched.load_results("out").assumptions
    assert line.startswith("not known here: ") and "'rising'" in line
