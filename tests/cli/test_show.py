"""`hetsched show`: what a study printed, again from its folder; and the command at the end of what
it prints."""

from pathlib import Path

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.scenario.profile_files import write_profile
from sim.backend import SimBackend
from tests.conftest import ROWS
from tests.studies.test_comparison_resume import ctrl_c_after
from tests.test_front_door import TABLES

PRINTED = {
    "compare": ["compare", "s.toml", "--seeds", "2", "--jobs", "1"],
    "simulate": ["simulate", "s.toml", "--strategy", "fusion+hrfs", "--repeat", "2"],
    "ablate": ["simulate", "s.toml", "--strategy", "fusion+hrfs", "--ablate"],
    "run": ["run", "s.toml", "--strategy", "fusion+hrfs"],
    "validate": ["validate", "s.toml", "--profile", "p.csv"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is carried out for real, the simulator does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())
    write_profile(tmp_path / "p.csv", ROWS)
    Path("s.toml").write_text(hetsched.Scenario(**TABLES).to_toml())


@pytest.mark.parametrize("study", PRINTED)
def test_the_same_is_printed_again(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PRINTED[study], "--out", "my results"]) == 0
    printed = capsys.readouterr().out
    assert main(["show", "my results"]) == 0
    shown = capsys.readouterr().out
    if study == "compare":  # which scenario file was given, the folder does not know
        printed = printed.replace("simulate s.toml", "simulate 'my results/scenario.toml'")
    assert shown == printed
    assert printed.splitlines()[-2:] == ["results: my results", "report: hetsched report 'my results'"]


def test_a_document_again(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([*PRINTED["compare"], "--out", "c", "--json"]) == 0
    printed = capfdbinary.readouterr().out
    assert main(["show", "c", "--json"]) == 0
    assert capfdbinary.readouterr().out == printed


def test_the_legend_is_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PRINTED["compare"], "--out", "c"]) == 0
    capsys.readouterr()
    assert main(["show", "c"]) == 0
    assert "speed-up the baseline's makespan / this makespan" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_is_no_study_is_wrong_input(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", name]) == 2
    assert f"{name}: " in capsys.readouterr().err


@pytest.mark.parametrize("seeds", ["3", "auto"])
def test_an_interrupted_comparison_says_how_much_there_is_and_how_to_go_on(
    seeds: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["compare", "s.toml", "--strategies", "fusion+fifo", "uniform+fifo", "--seeds", seeds, "--jobs", "1"]
    monkeypatch.setattr("hetsched.cli.compare.runs_progress", ctrl_c_after(3))
    assert main([*words, "--out", "my results"]) == 130
    capsys.readouterr()
    assert main(["show", "my results"]) == 0
    ran = "3 runs" if seeds == "auto" else "3 of 6 runs"
    go_on = "go on with: hetsched compare --resume 'my results'"
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "report: hetsched report 'my results'",
        f"{ran} finished; unless it goes on already, {go_on}",
    ]
    assert main(["compare", "--resume", "my results", "--jobs", "1"]) == 0
    capsys.readouterr()
    assert main(["show", "my results"]) == 0
    assert "go on with" not in capsys.readouterr().out


def test_a_study_with_nothing_to_say_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PRINTED["ablate"], "--out", "a"]) == 0
    Path("a/summary.json").unlink()
    capsys.readouterr()
    assert main(["show", "a"]) == 1
    assert "there is no summary.json yet: this 'ablate' did not come to its end" in capsys.readouterr().err
