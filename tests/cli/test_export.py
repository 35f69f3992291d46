"""`hetsched export`."""

import json
import subprocess
import sys
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


def test_a_crate_takes_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = simulated(tmp_path / "run").parent
    assert main(["export", str(home), "--to", "ro-crate", "--out", str(tmp_path / "crate")]) == 2
    assert "a ro-crate is in the folder that it describes; leave out --out" in capsys.readouterr().err
    assert not (home / "ro-crate-metadata.json").exists()


@pytest.mark.parametrize("there", ["file/tables", "x" * 300])
def test_a_folder_that_cannot_be_made_is_status_2(
    there: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = simulated(tmp_path / "run").parent
    (tmp_path / "file").touch()
    assert main(["export", str(home), "--to", "csv", "--out", str(tmp_path / there)]) == 2
    assert f"{tmp_path / there}" in capsys.readouterr().err


def test_nobody_reads_stdout(tmp_path: Path) -> None:
    home = simulated(tmp_path / "run").parent
    words = [sys.executable, "-m", "hetsched", "show", str(home), "--json"]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
