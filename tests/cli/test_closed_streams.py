"""A command does its work although its standard streams are closed."""

import subprocess
import sys
from errno import ENOSPC
from io import StringIO
from pathlib import Path

import pytest

from hetsched.report.progress import ProgressLine

PROCESSES = "compare demo --strategies uniform+fifo --seeds 2 --jobs 2"


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        ("simulate demo --strategy fusion+fifo --json", "2>&-"),
        pytest.param(PROCESSES, "2>&-", marks=pytest.mark.exhaustive),
        pytest.param(PROCESSES, ">&-", marks=pytest.mark.exhaustive),
        (PROCESSES, "<&- >&- 2>&-"),
    ],
)
def test_a_command_works_with_closed_streams(command: str, closed: str, tmp_path: Path) -> None:
    """`simulate` and `compare` ended with status 1. The processes of `compare` ended with a
    traceback."""
    script = f'"{sys.executable}" -m hetsched {command} --out out {closed}'
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0
    assert b"Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.rglob("summary.json"))


class FullDisk(StringIO):
    """A stream into a file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(ENOSPC, "No space left on device")


def test_work_goes_on_if_its_progress_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", FullDisk())
    with ProgressLine("simulating", 3) as progress:
        progress.note("what comes takes long")
        progress.advance()
    assert progress.share == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("command", "status", "stream"),
    [
        ("hetsched policies fifo", 0, "2>/dev/full"),
        ("hetsched plan nosuch.toml", 2, "2>/dev/full"),
        ("hetsched plan nosuch.toml", 2, "2>&-"),
        ("hetsched bogus", 2, "2>/dev/full"),
        ("hetsched bogus", 2, "2>&-"),
        pytest.param("hetsched policies fifo", 0, "2>&-", marks=pytest.mark.exhaustive),
        pytest.param("hetsched policies check nope", 2, "2>/dev/full", marks=pytest.mark.exhaustive),
        pytest.param("hetsched policies check nope", 2, "2>&-", marks=pytest.mark.exhaustive),
    ],
)
def test_the_status_does_not_depend_on_whether_messages_can_be_written(
    command: str, status: int, stream: str, tmp_path: Path
) -> None:
    """A message about a wrong input that could not be written ended with status 1 and a traceback."""
    script = f'"{sys.executable}" -m {command} {stream}'
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True).returncode == status


@pytest.mark.parametrize("stream", ["2>/dev/full", pytest.param("2>&-", marks=pytest.mark.exhaustive)])
def test_a_run_is_followed_to_its_end_if_its_lines_cannot_be_written(stream: str, tmp_path: Path) -> None:
    script = f"""exec {stream}; hetsched="{sys.executable} -m hetsched"
        $hetsched simulate demo --strategy uniform+fifo --out out && $hetsched watch out"""
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, timeout=100)
    assert done.returncode == 0 and b"completed" in done.stdout
