"""The recorder's command line."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from real.measuring.recorder import main
from sim.learning.recordings import read_recordings

TINY = ["--dataset", "synthetic", "--model", "vit-tiny", "--batch-sizes", "4", "8", "--test-images", "20"]
TINY += ["--recordings", "6", "--iterations", "8", "--every", "2"]


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
