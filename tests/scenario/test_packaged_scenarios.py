"""Scenarios that come with the package are found by name, wherever hetsched is started."""

import json
from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.scenario.loading import load
from hetsched.scenario.packaged import packaged_names, packaged_scenario, scenario_file


def test_every_packaged_scenario_loads_and_is_called_like_its_file() -> None:
    assert "demo" in packaged_names()
    for name in packaged_names():
        assert load(packaged_scenario(name)).name == name


def test_compare_takes_a_name_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["compare", "demo", "--seeds", "1", "--jobs", "1", "--strategies", "fusion+srtf", "--json"]
    assert main(arguments) == 0
    assert "fusion+srtf" in json.loads(capfdbinary.readouterr().out)["strategies"]


def test_a_file_goes_before_a_packaged_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert scenario_file(Path("demo")) == packaged_scenario("demo")
    Path("demo").write_text("")
    assert scenario_file(Path("demo")) == Path("demo")


def test_a_path_is_itself_even_if_it_is_not_there() -> None:
    for path in (Path("demo.toml"), Path("folder/demo")):
        assert scenario_file(path) == path


HINTS = [
    ("dmeo", "did you mean 'demo'?"),
    ("one-fast-gpus", "did you mean 'one-fast-gpu'?"),
    ("zzz", "known: demo"),
    ("zzzz", "'hetsched suite list' has more"),
]


@pytest.mark.parametrize(("name", "hint"), HINTS)
def test_an_unknown_name_is_wrong_input(name: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bound", name]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"hetsched: {name}: neither a file nor a scenario that comes with hetsched")
    assert hint in said
