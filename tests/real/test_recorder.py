"""The recorder's command line."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from real.measuring.recorder import main
from sim.learning.recordings import read_recordings

TINY = ["--dataset", "synthetic", "--model", "vit-tiny", "--batch-sizes", "4", "8", "--test-images", "20"]
TINY += ["--recordings", "6", "--iterations", "8", "--every", "2"]


@pytest.mark.exhaustive
def test_recordings_are_the_same_one_after_the_other_and_side_by_side(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    assert main([*TINY, "--out", str(one)]) == 0
    assert main([*TINY, "--out", str(two), "--jobs", "2"]) == 0
    recordings = read_recordings(one)
    assert [[line.iteration for line in r.evaluations] for r in recordings] == [[0, 2, 4, 6, 8]] * 6
    assert len({(r.evaluations[0].lr, r.evaluations[0].momentum) for r in recordings}) == 3  # the last four are alike
    assert any(r.has_schedule for r in recordings)
    assert recordings == sorted(read_recordings(two), key=lambda recording: recording.name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--out", "{here}"], "exists, and results are never overwritten; name a new file"),
        (["--out", "{here}/none/r.csv"], "there is no folder"),
        (["--out", "{here}/r.csv", "--every", "3"], "--iterations 8: must be a multiple of --every 3"),
        (["--out", "{here}/r.csv", "--dataset", "cifar10", "--data-dir", "{here}/none"], "cifar10: there is no folder"),
        (["--out", "{here}/r.csv", "--model", "resnet19"], "resnet19"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_no_file(
    wrong: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TINY, *(word.format(here=tmp_path) for word in wrong)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_sigterm_keeps_what_is_finished_and_ends_the_processes_that_record(jobs: str, tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    many = [*TINY, "--recordings", "100000", "--out", str(out), "--jobs", jobs]
    command = [sys.executable, "-m", "real.measuring.recorder", *many]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None and process.stderr.readline().startswith(("0: ", "1: "))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)  # until all who may write there have ended
    assert (process.returncode, "Traceback" in errors) == (143, False), errors
    assert "recordings were finished" in errors
    assert read_recordings(out)
