"""`hetsched profile check`: what a notebook's step times have, and what a scenario takes from
them."""

import json
from pathlib import Path

import pytest

from hetsched import InputError, check_profile, load_scenario
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
    assert "no value of dataset: cifar10, as in an experiment that names none" in said
    assert "no value of gpu_share: 1, a whole GPU" in said
    assert "model: " not in said


@pytest.mark.parametrize("before", ["", "\n"], ids=["blanks", "a blank line"])
def test_defaults_are_of_the_columns_that_the_reader_found(
    before: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Blanks around names and blank lines before them are skipped. An empty cell counts as left out."""
    text = "model, batch_size, device, seconds, noise_cv , start_up_s\nmynet,32,v100,0.1,0.5,\n"
    (folder / "p.csv").write_text(before + text)
    assert main(["profile", "check", "p.csv"]) == 0
    said = capsys.readouterr().out
    assert "noise_cv" not in said
    assert "no value of start_up_s: 0 s" in said


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


def sources(folder: Path, profile: str, node: str, batch_size: int) -> dict[str, tuple[str, float | None]]:
    (folder / "p.csv").write_text(profile)
    text = (
        SCENARIO.replace("[32, 48, 96]", str(batch_size))
        .replace("population = 6", "population = 1")
        .replace('"gpu-only+srtf", ', "")
    )
    start, end = text.index("cluster.nodes"), text.index("workload.experiments")
    (folder / "s.toml").write_text(text[:start] + f"cluster.nodes = [{node}]\n" + text[end:])
    found = check_profile(folder / "p.csv", load_scenario(folder / "s.toml")).known
    return {str(one.worker): (one.source, one.seconds_per_iteration) for one in found}


def test_a_measured_time_is_measured_whatever_memory_the_gpu_has(folder: Path) -> None:
    node = '{ name = "v", cores = 1, gpus = 1, gpu_type = "v100", gpu_memory_gib = 16.0 }'
    assert sources(folder, PROFILE, node, 32)["v100 of 16 GiB"] == ("measured", 0.1)


def test_a_time_between_others_of_which_one_is_continued_is_extrapolated(folder: Path) -> None:
    """On 4 cores batches 32 and 128 are measured. 64 is measured on fewer cores, and is continued
    to 4."""
    head = "model,batch_size,device,cores,seconds\n"
    rows = "mynet,32,cpu,4,1\nmynet,128,cpu,4,4\nmynet,64,cpu,1,12\nmynet,64,cpu,2,6\n"
    node = '{ name = "c", cores = 4 }'
    source, seconds = sources(folder, head + rows, node, 96)["4 cpu"]
    assert (source, seconds) == ("extrapolated", pytest.approx(3.5))
    assert sources(folder, head + rows.replace("64", "128"), node, 96)["4 cpu"][0] == "interpolated"


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


def test_a_scenario_in_the_place_of_the_file_is_named() -> None:
    with pytest.raises(InputError, match="path: expected a path"):
        check_profile(object())  # type: ignore[arg-type]
