"""Ctrl-C in real processes, sent to the whole group as a terminal does: status 130, and no
traceback."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.core.events import RunEnded
from hetsched.core.log import read_log

SCENARIO = Path(__file__).parents[2] / "examples" / "demo.toml"


BEGUN: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    """A process that a failing test has begun would go on for hours."""
    yield
    while BEGUN:
        if (process := BEGUN.pop()).poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def begin(folder: Path, *words: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    BEGUN.append(process)
    return process


def ctrl_c(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def wait_for(path: Path, pattern: str) -> None:
    until = time.monotonic() + 300
    while not list(path.glob(pattern)):
        assert time.monotonic() < until, f"{pattern} does not appear"
        time.sleep(0.01)


CTRL_C_AT_AN_IMPORT = """
import importlib.abc, os, signal, sys

class CtrlC(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == imported:
            os.kill(os.getpid(), signal.SIGINT)

imported = sys.argv.pop(1)
sys.meta_path.insert(0, CtrlC())
from hetsched.start import start
sys.exit(start())
"""


@pytest.mark.parametrize("imported", ["argparse", "pydantic", "numpy", "hetsched.studies.compare"])
def test_while_modules_are_imported(tmp_path: Path, imported: str) -> None:
    process = begin(tmp_path, "-c", CTRL_C_AT_AN_IMPORT, imported, "compare", str(SCENARIO), "--seeds", "40")
    _, printed = process.communicate(timeout=300)
    assert (process.returncode, printed) == (130, "hetsched: interrupted\n")


SOON = [pytest.param(pause_s, marks=pytest.mark.exhaustive) for pause_s in (0.02, 0.2)]


@pytest.mark.parametrize("pause_s", [0.0, *SOON])
@pytest.mark.parametrize(
    "begun",
    [
        "compare.json",
        pytest.param("*/seed-0/events.jsonl", marks=pytest.mark.exhaustive),  # a moment between the others
        "*/seed-2/events.jsonl",
    ],
)
def test_twice_in_a_comparison(tmp_path: Path, begun: str, pause_s: float) -> None:
    process = begin(
        tmp_path, "-m", "hetsched", "compare", str(SCENARIO), "--seeds", "400", "--jobs", "2", "--out", "out"
    )
    wait_for(tmp_path / "out", begun)
    ctrl_c(process)
    time.sleep(pause_s)
    ctrl_c(process)
    _, printed = process.communicate(timeout=300)
    said = [line for line in printed.splitlines() if not line.startswith("simulating: ")]
    assert process.returncode == 130
    if not (tmp_path / "out").exists():  # no run had begun: nothing is left, and nothing to go on with
        assert "seed-2" not in begun and said == ["hetsched: interrupted"]
        return
    report = ["hetsched: report: hetsched report out"] if "seed-2" in begun else said[2:]
    assert said == ["hetsched: interrupted", said[1], *report]
    assert re.fullmatch(
        r"hetsched: \d+ of \d+ runs finished, \d+ seeds? complete in out; go on with: hetsched compare --resume out",
        said[1],
    )


def test_a_simulation_says_where_its_folder_is(tmp_path: Path) -> None:
    words = ["simulate", str(SCENARIO), "--strategy", "fusion+fifo", "--repeat", "400", "--out", "out"]
    process = begin(tmp_path, "-m", "hetsched", *words)
    wait_for(tmp_path / "out", "seed-1/events.jsonl")
    ctrl_c(process)
    _, printed = process.communicate(timeout=300)
    assert process.returncode == 130
    notes = ["interrupted", "what was finished is in out", "report: hetsched report out"]
    assert printed.endswith("".join(f"hetsched: {note}\n" for note in notes))
    assert main(["report", str(tmp_path / "out")]) == 0
    assert "Traceback" not in printed
    ends = [event for log in tmp_path.glob("out/*/events.jsonl") for event in read_log(log) if type(event) is RunEnded]
    assert {event.reason for event in ends} <= {"completed", "interrupted"}  # it was "failed: KeyboardInterrupt: "
