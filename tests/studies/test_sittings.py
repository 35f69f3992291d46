"""`study.json`: who worked on a study, with what and how long, from the moment when the study
begins."""

import json
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.compare import Interrupted
from hetsched.studies.sittings import STUDY_NAME, study_of
from tests.conftest import ROWS
from tests.studies.test_comparison_resume import ctrl_c_after
from tests.test_front_door import TABLES


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> hetsched.Scenario:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    scenario = hetsched.Scenario(**TABLES)
    Path("s.toml").write_text(scenario.to_toml())
    return scenario


def test_the_command_its_versions_its_machine_and_its_time(scenario: hetsched.Scenario) -> None:
    words = ["simulate", "s.toml", "--strategy", "fusion+fifo", "--out", "my results"]
    assert main(words) == 0
    study = study_of(Path("my results"))
    assert study is not None and study.study == "simulate"
    [sitting] = study.sittings
    assert sitting.command == ["hetsched", *words]
    assert sitting.hetsched == hetsched.__version__ and "numpy" in sitting.libraries
    assert sitting.machine.cores >= 1 and sitting.machine.host
    assert sitting.took_s is not None and 0 < sitting.took_s < 600


def test_what_python_asks_for_has_no_command(scenario: hetsched.Scenario) -> None:
    hetsched.simulate(scenario, "fusion+fifo", folder="out")
    study = study_of(Path("out"))
    assert study is not None and study.sittings[0].command == []


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("compare", lambda s: hetsched.compare(s, seeds=1, folder="out")),
        ("ablate", lambda s: hetsched.ablate(s, "fusion+fifo", folder="out")),
    ],
)
def test_the_folder_names_its_study(name: str, make: Any, scenario: hetsched.Scenario) -> None:
    make(scenario)
    study = study_of(Path("out"))
    assert study is not None and study.study == name


def test_a_study_that_goes_on_has_another_sitting(scenario: hetsched.Scenario) -> None:
    with pytest.raises(Interrupted):
        hetsched.compare(scenario, seeds=2, folder="out", progress=ctrl_c_after(1))
    study = study_of(Path("out"))
    assert study is not None and study.sittings[0].took_s is None
    assert main(["compare", "--resume", "out", "--jobs", "1"]) == 0
    study = study_of(Path("out"))
    assert study is not None
    first, second = study.sittings
    assert (first.took_s, first.command) == (None, [])
    assert second.took_s is not None and second.command[:3] == ["hetsched", "compare", "--resume"]


def test_of_an_older_folder_nothing_is_made_up(scenario: hetsched.Scenario) -> None:
    hetsched.compare(scenario, seeds=1, folder="out")
    Path("out", STUDY_NAME).unlink()
    hetsched.resume_comparison("out")
    assert study_of(Path("out")) is None and not Path("out", STUDY_NAME).exists()


def test_a_damaged_file_is_named(scenario: hetsched.Scenario) -> None:
    hetsched.compare(scenario, seeds=1, folder="out")
    document = json.loads(Path("out", STUDY_NAME).read_text())
    Path("out", STUDY_NAME).write_text(json.dumps(document | {"sittings": 3, "hetsched": "99.0"}))
    with pytest.raises(hetsched.InputError, match="out/study.json: not what hetsched wrote.*written by hetsched 99.0"):
        study_of(Path("out"))
