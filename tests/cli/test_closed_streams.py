"""A command does its work although its standard streams are closed."""

import subprocess
import sys
from pathlib import Path

import pytest

PROCESSES = "compare demo --seeds 2 --jobs 2"


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        ("simulate demo --strategy fusion+fifo --json", "2>&-"),
        (PROCESSES, "2>&-"),
        (PROCESSES, ">&-"),
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
