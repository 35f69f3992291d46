"""The recordings in the repository, predicted by the simulator of today: a change that loses truth
is seen here."""

import json
from math import isclose
from pathlib import Path
from shutil import copytree

import pytest
from msgspec.structs import replace

from hetsched.analysis.step_times import worker_steps
from hetsched.cli.main import main
from hetsched.core.events import SegmentEnded, SegmentLost
from hetsched.domain.profiles import StepTimes
from hetsched.report.fidelity_tables import listings
from hetsched.report.page.fidelity import page_of_fidelity
from hetsched.studies.fidelity.cells import read_cells
from hetsched.studies.fidelity.errors import predict
from hetsched.studies.fidelity.fidelity import FidelityResult, fidelity
from hetsched.studies.fidelity.recordings import RECORDINGS, read_recording, recorded
from hetsched.studies.fidelity.table import TABLE_NAME, read_table, rows
from tests.test_architecture import ROOT

FOLDER = ROOT / "fidelity"

PAGE = (ROOT / "docs" / "validation.md").read_text()

MENDED = "if the change is meant, python -m benchmarks.fidelity_page writes table and page again"


@pytest.fixture(scope="module")
def result() -> FidelityResult:
    return fidelity(FOLDER)


def test_the_table_is_what_the_simulator_predicts(result: FidelityResult) -> None:
    told = read_table(FOLDER)
    found = {row["recording"]: row for row in rows(result.errors)}
    assert list(told) == list(found), MENDED
    for name, row in found.items():
        assert list(told[name]) == list(row)
        for column, value in row.items():
            written = told[name][column]
            same = (
                isclose(float(written), value, abs_tol=0.011)
                if isinstance(value, float)
                else written == str(value or "")
            )
            assert same, f"{name}: {column} is {value}, {FOLDER / TABLE_NAME} has {written}: {MENDED}"


def test_nothing_has_changed_since_the_table(result: FidelityResult) -> None:
    assert result.change is not None
    assert result.change.recordings == len(recorded(FOLDER))
    assert not result.change.moved


def test_the_page_has_the_tables_of_the_command(result: FidelityResult) -> None:
    for listing in listings(result):
        assert listing.markdown() in PAGE, MENDED


def test_where_the_machine_was_that_of_the_probe_makespans_are_right(result: FidelityResult) -> None:
    as_probed = [abs(one.makespan) for one in result.errors if one.machine == "as probed"]
    assert len(as_probed) >= 9
    assert sum(as_probed) / len(as_probed) < 5


def test_a_start_up_after_a_loss_tells_nothing_of_the_machine() -> None:
    """`validate` and `run` leave it out, too."""
    recording = read_recording(FOLDER, "killed-worker")
    number = max(n for n, event in enumerate(recording.events) if isinstance(event, SegmentLost))
    slow, events = 0, list(recording.events)
    for place, event in enumerate(events):
        if place > number and isinstance(event, SegmentEnded) and event.parts.start_up_s:
            parts = replace(event.parts, start_up_s=event.parts.start_up_s + 60.0)
            events[place], slow = replace(event, parts=parts), slow + 1
    assert slow
    steps = worker_steps([events], recording.setup.times, recording.setup.scenario.overheads.host_cores)
    assert any("start-up and evaluation took" in line for of_type in steps for line in of_type.unlike(lost=False))
    found = predict(recording._replace(events=events))
    assert found.warnings == [] and found.errors.machine == "as probed"


def test_every_cell_is_a_scenario() -> None:
    cells = read_cells(FOLDER)
    assert len(cells.cells) >= 24
    assert len({cells.strategy(name).scheduling for name in cells.cells}) >= 8
    for name in cells.cells:
        setup = cells.scenario(name, FOLDER).resolve()
        assert setup.workers(cells.strategy(name))


def test_recordings_are_small_and_name_no_folder_of_a_machine() -> None:
    files = [path for path in (FOLDER / RECORDINGS).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2e6
    texts = [path.read_text() for path in files if path.suffix in (".toml", ".csv", ".json")]
    assert not [text for text in texts if str(ROOT) in text or "data_dir" in text]


@pytest.mark.exhaustive
def test_the_command_prints_what_the_page_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(ROOT))
    assert main(["fidelity", "--markdown"]) == 0
    blocks = capsys.readouterr().out.split("\n\n")
    assert len(blocks) == 4
    assert all(block.strip() in PAGE for block in blocks), MENDED


def test_every_cell_has_a_recording() -> None:
    assert set(read_cells(FOLDER).cells) <= set(recorded(FOLDER))


def test_what_predictions_assumed_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accuracies were printed without a word on what no probe had measured."""
    monkeypatch.setattr("hetsched.studies.fidelity.errors.PREDICTIONS", 1)
    for name in ("unpaced-fifo", "validate-accuracy-fusion-fifo-seed-0"):
        copytree(FOLDER / RECORDINGS / name, tmp_path / RECORDINGS / name)
    assert main(["fidelity", "--folder", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["assumptions"]
    assert list(found) == ["unpaced-fifo"], "the other probe measured everything"
    assert "sharing a node: nothing, as the profile has none for StandIn" in found["unpaced-fifo"]
    lines = [f"{line} (1 of 2 recordings)" for line in found["unpaced-fifo"]]
    assert page_of_fidelity(tmp_path).remarks["Assumed, as nobody measured it"] == lines
    assert main(["fidelity", "--folder", str(tmp_path)]) == 0
    said = "".join(f"  {line}\n" for line in lines)
    assert capsys.readouterr().out.endswith(f"\nassumed, as nobody measured it:\n{said}")


def test_workers_that_a_prediction_leaves_idle_are_named() -> None:
    recording = read_recording(FOLDER, "three-hrfs")
    setup, idle = recording.setup, recording.setup.times.rows[-1]
    known = [row for row in setup.times.rows if row.worker_type != idle.worker_type]
    setup = setup.replace_times(StepTimes(known))
    found = predict(recording._replace(setup=setup)).assumptions
    assert any(line.startswith("no step times, so nothing runs there: ") for line in found)
