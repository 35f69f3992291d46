"""`hetsched export`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.report.export import exporting
from hetsched.studies import folder_caveats
from hetsched.studies.caveats import Caveats
from tests.analysis.tidy.eventful import eventful, simulated


def test_the_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = simulated(tmp_path / "run").parent
    assert main(["export", str(home), "--to", "chrome-trace"]) == 0
    assert capsys.readouterr().out.startswith(f"{home / 'export' / 'trace.json'}\nassumed, as nobody measured it:\n")
    assert main(["export", str(home), "--to", "csv", "--out", str(tmp_path / "tables"), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert len(files) == 6 and all(Path(file).parent == tmp_path / "tables" for file in files)


@pytest.mark.parametrize("to", ["csv", "parquet", "chrome-trace", "ro-crate"])
def test_what_was_assumed_is_printed(to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An export went to notebooks without a word on what nobody had measured."""
    found = hetsched.simulate(eventful(), "fusion+hrfs", seeds=2, folder=tmp_path / "study")
    assert found.assumptions
    for folder in (found.folder, *([] if to == "ro-crate" else [found.runs[0].log.parent, tmp_path])):
        out = [] if to == "ro-crate" else ["--out", str(tmp_path / "out" / folder.name)]
        assert main(["export", str(folder), "--to", to, *out]) == 0
        said = "".join(f"  {line}\n" for line in found.assumptions)
        assert capsys.readouterr().out.endswith(f"\nassumed, as nobody measured it:\n{said}")
    assert main(["export", str(found.folder), "--to", to, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["assumptions"] == list(found.assumptions) and document["warnings"] == {}


@pytest.mark.parametrize("to", ["csv", "parquet", "chrome-trace", "ro-crate"])
def test_what_was_assumed_is_worked_out_once(to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was worked out for what is printed, and again for the files."""
    home = hetsched.simulate(eventful(), "fusion+hrfs", folder=tmp_path / "run").folder
    asked: list[Path] = []
    original = folder_caveats.caveats_of_study

    def noted(study: Path, logs: Sequence[Path]) -> Caveats:
        asked.append(study)
        return original(study, logs)

    for module in (folder_caveats, exporting):
        monkeypatch.setattr(module, "caveats_of_study", noted)
    assert main(["export", str(home), "--to", to]) == 0
    assert asked == [home]


def test_warnings_name_their_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hetsched.simulate(eventful(), "fusion+hrfs", folder=tmp_path / "one")
    cut = hetsched.simulate(eventful(), "fusion+hrfs", folder=tmp_path / "two").runs[0].log
    cut.write_bytes(b"\n".join(cut.read_bytes().split(b"\n")[:-2]) + b"\n")
    why = "fusion+hrfs: 1 of 1 run did not end: figures cover only what was trained"
    for folder, name in ((tmp_path, "two: "), (tmp_path / "two", "")):
        assert main(["export", str(folder), "--to", "csv"]) == 0
        said = capsys.readouterr().out.splitlines()
        assert [line for line in said if line.startswith("warning: ")] == [f"warning: {name}{why}"]


def test_a_damaged_summary_stops_an_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = simulated(tmp_path / "run").parent
    (home / "summary.json").write_text('{"assumptions": 5}')
    assert main(["export", str(home), "--to", "csv"]) == 2
    assert "summary.json: not what a study wrote: " in capsys.readouterr().err
    with pytest.raises(hetsched.InputError, match="not what a study wrote"):
        hetsched.export(home, "csv")
    assert not (home / "export").exists()


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
