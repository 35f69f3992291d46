"""The result of a study once more, from its folder: finished, interrupted, or with nothing to say
yet."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.errors import HetschedError, InputError, NoResultError
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.again import Result, is_complete, result_in, study_in
from hetsched.studies.compare import Interrupted
from sim.backend import SimBackend
from tests.conftest import ROWS
from tests.studies.test_comparison_resume import ctrl_c_after
from tests.test_front_door import TABLES

STRATEGIES = ["uniform+fifo", "fusion+hrfs"]


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> hetsched.Scenario:
    """What is carried out for real, the simulator does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())
    write_profile(tmp_path / "p.csv", ROWS)
    return hetsched.Scenario(**TABLES)


def plain(document: Any) -> Any:
    """As JSON, so that tuples are lists."""
    import msgspec

    return json.loads(msgspec.json.encode(document))


STUDIES: dict[str, Callable[[hetsched.Scenario], Any]] = {
    "compare": lambda s: hetsched.compare(s, seeds=[3, 1], folder="out"),
    "simulate": lambda s: hetsched.simulate(s, "fusion+hrfs", 2, "out"),
    "run": lambda s: hetsched.run(s, "fusion+hrfs", 2, "out"),
    "validate": lambda s: hetsched.validate(s, seeds=2, predictions=2, folder="out"),
    "ablate": lambda s: hetsched.ablate(s, "fusion+hrfs", 2, "out"),
}


@pytest.mark.parametrize("study", STUDIES)
def test_the_result_is_the_one_that_the_study_had(study: str, scenario: hetsched.Scenario) -> None:
    result = STUDIES[study](scenario)
    assert study_in(Path("out")) == study
    again = result_in(Path("out"))
    assert plain(again.document()) == plain(result.document())
    assert is_complete(again)


def test_a_study_is_known_without_the_files_that_say_so(scenario: hetsched.Scenario) -> None:
    for study, make in STUDIES.items():
        make(scenario)
        for name in ("study.json", "summary.json"):
            Path("out", name).unlink()
        simulated = "simulate" if study == "run" and not Path("out/run.json").exists() else study
        assert study_in(Path("out")) == (None if study == "ablate" else simulated)
        shutil.rmtree("out")


@pytest.mark.parametrize("summary", [True, False])
def test_an_interrupted_comparison_has_its_complete_seeds(summary: bool, scenario: hetsched.Scenario) -> None:
    with pytest.raises(Interrupted) as stopped:
        hetsched.compare(scenario, STRATEGIES, 3, "out", progress=ctrl_c_after(5))
    assert stopped.value.result is not None
    if not summary:  # it was killed
        Path("out/summary.json").unlink()
    before = sorted(Path("out").rglob("*"))
    again = result_in(Path("out"))
    assert isinstance(again, hetsched.ComparisonResult)
    assert (again.complete, again.seeds, is_complete(again)) == (False, [0, 1], False)
    makespans = {name: of.makespan_s for name, of in again.comparisons.items()}
    assert makespans == {name: of.makespan_s for name, of in stopped.value.result.comparisons.items()}
    assert sorted(Path("out").rglob("*")) == before, "looking changes nothing"


def test_a_comparison_without_a_complete_seed_says_how_to_go_on(scenario: hetsched.Scenario) -> None:
    with pytest.raises(Interrupted):
        hetsched.compare(scenario, STRATEGIES, 2, "out", progress=ctrl_c_after(1))
    with pytest.raises(NoResultError, match="no seed is complete.*hetsched compare --resume out"):
        result_in(Path("out"))


def test_a_validation_that_broke_off_has_what_was_both_predicted_and_measured(scenario: hetsched.Scenario) -> None:
    whole = hetsched.validate(scenario, STRATEGIES, 2, "out", predictions=2)
    for name in ("summary.json", "measured/fusion+hrfs/seed-1/events.jsonl"):
        Path("out", name).unlink()
    again = result_in(Path("out"))
    assert isinstance(again, hetsched.ValidationResult)
    assert not is_complete(again)
    assert again.agreements["uniform+fifo"] == whole.agreements["uniform+fifo"]
    assert again.agreements["fusion+hrfs"].measured_makespans_s == [again.runs[2].metrics.makespan_s]
    said = "1 of 2 seeds were predicted and not measured to the end: figures are of the others"
    assert again.warnings == {"fusion+hrfs": said}
    shutil.rmtree("out/measured")
    with pytest.raises(NoResultError, match="no run is both predicted and measured"):
        result_in(Path("out"))


def test_a_run_that_goes_on_says_that_it_is_a_part(scenario: hetsched.Scenario) -> None:
    hetsched.run(scenario, "fusion+fifo", folder="out")
    log = Path("out/events.jsonl")
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-8]))
    again = result_in(Path("out"))
    assert isinstance(again, hetsched.StrategyResult) and not is_complete(again)
    assert again.warnings["fusion+fifo"] == "1 of 1 run did not end: figures cover only what was trained"


def test_policies_of_a_file_are_not_run(scenario: hetsched.Scenario) -> None:
    Path("mine.py").write_text(
        "from hetsched.scheduling import register\nfrom hetsched.scheduling.queueing.fifo import Fifo\n"
        "from pathlib import Path\nPath('ran').touch()\n"
        "register('mine')(type('Mine', (Fifo,), {'__doc__': 'as fifo'}))\n"
    )
    hetsched.load_policies("mine.py")
    hetsched.compare(scenario, ["uniform+fifo", "fusion+mine"], 2, "out", policy_files=["mine.py"])
    from hetsched import scheduling

    del scheduling.policies._factories["mine"]
    Path("ran").unlink()
    again = result_in(Path("out"))
    assert isinstance(again, hetsched.ComparisonResult) and "fusion+mine" in again.comparisons
    Path("out/summary.json").unlink()
    stopped = result_in(Path("out"))
    assert isinstance(stopped, hetsched.ComparisonResult)
    assert "warnings not known here: " in stopped.warnings["fusion+mine"]
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("text", "error"), [("{", "summary.json: not what a study wrote"), ("{}", "summary.json yet: this 'ablate'")]
)
def test_a_summary_that_cannot_be_read_is_named(text: str, error: str, scenario: hetsched.Scenario) -> None:
    hetsched.ablate(scenario, "fusion+fifo", folder="out")
    Path("out/summary.json").write_text(text)
    with pytest.raises(HetschedError, match=error):
        result_in(Path("out"))


def test_a_summary_of_another_version_is_said(scenario: hetsched.Scenario) -> None:
    hetsched.ablate(scenario, "fusion+fifo", folder="out")
    Path("out/summary.json").write_text(json.dumps({"command": "ablate", "hetsched": "0.0.1", "strategy": "a+b"}))
    with pytest.raises(InputError, match="summary.json: not what this version writes: .*written by hetsched 0.0.1"):
        result_in(Path("out"))


def test_what_is_no_study_is_refused(scenario: hetsched.Scenario, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: no such folder; name the results folder of a study"):
        result_in(tmp_path / "none")
    for name in ("fusion+fifo", "uniform+fifo"):
        hetsched.simulate(scenario, name, folder=tmp_path / "several" / name)
    with pytest.raises(InputError, match=r"is not the folder of one study; .*such as .*/several/fusion\+fifo$"):
        result_in(tmp_path / "several")


# results.csv


def rows(folder: str) -> list[dict[str, str]]:
    with Path(folder, "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("study", ["compare", "simulate", "run", "validate"])
def test_every_figure_of_every_run_is_in_a_table(study: str, scenario: hetsched.Scenario) -> None:
    result: Result = STUDIES[study](scenario)
    assert isinstance(result, hetsched.Results)
    runs = [*result.runs, *getattr(result, "predicted", [])]
    found = rows("out")
    assert len(found) == len(runs)
    for row, run in zip(found, runs, strict=True):
        metrics = run.metrics
        assert (row["strategy"], row["seed"]) == (metrics.strategy, str(metrics.seed))
        assert float(row["makespan_s"]) == metrics.makespan_s and float(row["utilisation"]) == metrics.utilisation
        assert (row["metric"], row["mode"]) == ("accuracy", "max")
        assert row["time_to_target_s"] == ""
        assert float(row["decision_s"]) == run.decision_s
        assert Path("out", row["log"]) == run.log
    missing = set(metrics.__struct_fields__) - found[0].keys()
    assert missing == {"workers"}


def test_a_comparison_with_a_table_goes_on(scenario: hetsched.Scenario) -> None:
    """The table is a CSV file beside the scenario's own, and no file of the scenario."""
    with pytest.raises(Interrupted):
        hetsched.compare(scenario, STRATEGIES, 3, "out", progress=ctrl_c_after(3))
    assert len(rows("out")) == 2
    assert hetsched.resume_comparison("out").complete
    assert len(rows("out")) == 6
