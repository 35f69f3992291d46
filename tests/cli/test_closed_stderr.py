"""A command does its work although its standard error is closed."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "command", ["simulate demo --strategy fusion+fifo", "compare demo --seeds 1 --jobs 1", "simulate demo --json"]
)
def test_a_command_works_with_a_closed_stderr(command: str, tmp_path: Path) -> None:
    """`simulate` and `compare` ended with status 1 and without a word."""
    words = f"{command} --strategy fusion+fifo" if command.endswith("--json") else command
    script = f'"{sys.executable}" -m hetsched {words} --out out 2>&-'
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert done.stdout
    assert list(tmp_path.rglob("summary.json"))
