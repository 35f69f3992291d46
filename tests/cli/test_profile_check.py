"""`hetsched profile check`: what a notebook's step times have, and what a scenario takes from them."""

import json
from pathlib import Path

import pytest

from hetsched import check_profile, load_scenario
from hetsched.cli.main import main

SCENARIO = """
name = "s"
strategies = ["gpu-only+srtf", "fusion+fifo"]
profile = { sources = ["p.csv"], extrapolate = true }
cluster.nodes = [
    { name = "v", cores = 4, gpus = 1, gpu_type = "v100" },
    { name = "k", cores = 4, gpus = 1, gpu_type = "K80" },
]
workload.experiments = [
    { name = "e", model = "mynet", batch_size = [32, 48, 96], population = 6, stop_iterations = 10 },
]
"""

PROFILE = "model,batch_size,device,seconds\nmynet,32,v100,0.1\nmynet,64,v100,0.18\nmynet,32,k80,0.5\nmynet,32,cpu,4\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "p.csv").write_text(PROFILE)
    (tmp_path / "s.toml").write_text(SCENARIO)
    return tmp_path


def test_it_says_which_defaults_were_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "check", "p.csv"]) == 0
    said = capsys.readouterr().out
    assert "p.csv: 4 rows" in said
    assert "no column dataset: cifar10, as in an experiment that names none" in said
    assert "no column gpu_share: 1, a whole GPU" in said
    assert "model: " not in said


def test_every_step_time_of_a_scenario_has_its_source(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "check", "p.csv", "s.toml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    found = {
        (row["batch_size"], row["device"]): (row["source"], row["seconds_per_iteration"])
        for row in document["step_times"]
    }
    assert found == {
        (32, "v100"): ("measured", 0.1),
        (48, "v100"): ("interpolated", pytest.approx(0.14)),
        (96, "v100"): ("extrapolated", pytest.approx(0.26)),
        **{(batch, device): ("unknown", None) for batch in (32, 48, 96) for device in ("K80", "cpu")},
    }
    assert document["covers"] and not document["refused"]


def test_the_table_says_so_and_offers_near_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "check", "p.csv", "s.toml"]) == 0
    said = capsys.readouterr().out
    assert [word for word in ("measured", "interpolated", "extrapolated", "unknown") if word not in said] == []
    assert "unknown on K80: the profile has no device 'K80': did you mean 'k80'?" in said


def test_a_scenario_that_cannot_run_is_status_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "s.toml").write_text(SCENARIO.replace("true", "false"))  # batch 96 is beyond all that was measured
    assert main(["profile", "check", "p.csv", "s.toml"]) == 1
    assert "gpu-only+srtf cannot run: workload.experiments.e: the profile has no entry" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["profile", "check", "none.csv"], "none.csv: cannot read the profile: No such file"),
        (["profile", "check", "s.toml"], "s.toml: not a profile: columns 'model'"),
        (["profile"], "--out FILE.csv: name the profile to write"),
    ],
)
def test_what_is_no_profile_is_status_2(
    folder: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_the_same_in_python(folder: Path) -> None:
    check = check_profile("p.csv", load_scenario("s.toml"))
    assert check.covers and len(check.rows) == 4
    frame = check.to_frame()
    assert list(frame["source"][:3]) == ["measured", "interpolated", "extrapolated"]
    alone = check_profile("p.csv")
    assert alone.covers and not alone.known and "provenance" in alone.defaults
