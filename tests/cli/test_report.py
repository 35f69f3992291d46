"""`hetsched report DIR`."""

import json
from pathlib import Path

import pytest

from hetsched.cli.main import main
from tests.conftest import make_setup
from tests.report.page.runs import simulated


def test_report_writes_the_file_and_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = simulated(make_setup(), tmp_path)
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == f"report: {folder / 'report.html'}\n"
    assert (folder / "report.html").is_file()


def test_report_as_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, out = simulated(make_setup(), tmp_path), tmp_path / "out.html"
    assert main(["report", str(folder), "--out", str(out), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"report": str(out)} and out.is_file()


def test_the_studies_of_a_folder_have_their_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        simulated(make_setup(), tmp_path / name)
    assert main(["report", str(tmp_path)]) == 0
    studies = [tmp_path / name / "run" / "report.html" for name in ("one", "two")]
    of_studies = [f"report of a study: {path}" for path in studies]
    assert capsys.readouterr().out.splitlines() == [f"report: {tmp_path / 'report.html'}", *of_studies]
    whole = (tmp_path / "report.html").read_text()
    assert all(path.is_file() and f'"link":"{path.relative_to(tmp_path)}"' in whole for path in studies)


def test_a_folder_without_results_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "is empty; name the results folder of a study" in capsys.readouterr().err


def test_no_file_but_a_report_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log that was named by mistake became a page."""
    folder, out = simulated(make_setup(), tmp_path), tmp_path / "out.html"
    log = folder / "events.jsonl"
    before = log.read_bytes()
    assert main(["report", str(folder), "--out", str(log)]) == 2
    assert f"{log}: is there already, and is no report; name a new file" in capsys.readouterr().err
    assert log.read_bytes() == before
    for _ in range(2):
        assert main(["report", str(folder), "--out", str(out)]) == 0
