"""`hetsched export`."""

import json
from pathlib import Path

import pytest

from hetsched.cli.main import main
from tests.analysis.tidy.eventful import simulated


def test_the_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = simulated(tmp_path / "run").parent
    assert main(["export", str(home), "--to", "chrome-trace"]) == 0
    assert capsys.readouterr().out == f"{home / 'export' / 'trace.json'}\n"
    assert main(["export", str(home), "--to", "csv", "--out", str(tmp_path / "tables"), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert len(files) == 6 and all(Path(file).parent == tmp_path / "tables" for file in files)


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path / "none"), "--to", "csv"]) == 2
    assert "none: no such folder; name the results folder of a study" in capsys.readouterr().err


def test_files_of_others_are_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, there = simulated(tmp_path / "run").parent, tmp_path / "tables"
    there.mkdir()
    (there / "segments.csv").write_text("mine")
    assert main(["export", str(home), "--to", "csv", "--out", str(there)]) == 2
    assert "is not empty, and files are never overwritten" in capsys.readouterr().err
    assert (there / "segments.csv").read_text() == "mine"
    for _ in range(2):
        assert main(["export", str(home), "--to", "csv"]) == 0
