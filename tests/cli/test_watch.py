"""`hetsched watch`: what it shows of runs that another process carries out, and when it ends."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from hetsched.cli.main import main
from hetsched.core.events import LOG_VERSION, RunEnded, RunResumed, WorkerJoined, WorkerLeft
from hetsched.core.log import read_log
from hetsched.studies.resume import workers_of
from tests.slow_log import SlowLog

PAUSE_S = 0.6
LONG_S = 120.0


def beside(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work)
    thread.start()
    return thread


def test_a_run_that_is_over_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SlowLog(tmp_path).finished()
    assert main(["watch", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("test: fusion+fifo, seed 0: completed\n")
    assert "e-3" in said.out and "b/cpu0" in said.out and "segments" in said.out
    assert "assumed, as nobody measured it:\n" in said.out
    assert said.err.splitlines() == ["fusion+fifo, seed 0: following the log"]


def test_as_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = SlowLog(tmp_path, seed=3).finished()
    assert main(["watch", str(run.path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["log"], found["ended"], found["seed"]) == (str(run.path), "completed", 3)
    assert found["state"]["now"] == list(read_log(run.path))[-1].time
    assert found["assumptions"] and found["warnings"] == {}


def test_a_log_that_is_empty_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "events.jsonl"
    log.touch()

    def carry_out() -> None:
        time.sleep(PAUSE_S)
        SlowLog(tmp_path).write(1.0)

    driver = beside(carry_out)
    assert main(["watch", str(log)]) == 0
    driver.join()
    assert f"{log}: no run has begun there yet; waiting for one" in capsys.readouterr().err


def test_a_run_that_begins_later_and_is_written_slowly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "later"

    def carry_out() -> None:
        time.sleep(PAUSE_S)
        run = SlowLog(folder)
        for share in (0.0, 0.3, 0.6, 0.9, 1.0):
            time.sleep(PAUSE_S)
            run.write(share)

    driver = beside(carry_out)
    assert main(["watch", str(folder), "--report-interval", "0.1"]) == 0
    driver.join()
    said = capsys.readouterr()
    waiting, *lines = said.err.splitlines()
    assert waiting == f"{folder}: no run has begun there yet; waiting for one"
    done = {line.partition(": ")[2].partition(" of 80 iterations")[0] for line in lines if " of 80 iterations" in line}
    assert len(done) > 1
    assert ": completed\n" in said.out


def test_it_goes_on_with_a_run_that_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = SlowLog(tmp_path)
    run.append(b"".join(run.lines[:-1]))
    *events, last = list(read_log(run.path))
    workers = workers_of(events)
    resumed = [
        RunResumed(last.time, "interrupted", log_version=LOG_VERSION),
        *(WorkerLeft(last.time, worker.id, "interrupted") for worker in workers),
        *(WorkerJoined(last.time, worker) for worker in workers),
    ]
    run.append(msgspec.json.Encoder().encode_lines([RunEnded(last.time, "interrupted")]))
    run.reserve.touch()  # the driver that resumes it

    def go_on() -> None:
        for event in (*resumed, RunEnded(last.time, "completed")):
            time.sleep(PAUSE_S / 2)
            run.append(msgspec.json.encode(event) + b"\n")
        run.reserve.unlink()

    driver = beside(go_on)
    assert main(["watch", str(tmp_path)]) == 0
    assert not run.reserve.exists()
    driver.join()
    said = capsys.readouterr()
    assert "seed 0: completed\n" in said.out
    assert f"{last.time:,.0f} s: {workers[0].id} left: interrupted" in said.err


def test_one_that_stopped_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = SlowLog(tmp_path)
    run.append(b"".join(run.lines[:-1]))
    run.append(msgspec.json.encode(RunEnded(1e6, "interrupted")) + b"\n")
    assert main(["watch", str(tmp_path)]) == 0
    assert "seed 0: interrupted\n" in capsys.readouterr().out


def test_of_several_runs_the_newest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SlowLog(tmp_path / "old").finished()
    time.sleep(0.02)
    SlowLog(tmp_path / "new", seed=7).finished()
    SlowLog(tmp_path / "empty", seed=8)
    assert main(["watch", str(tmp_path)]) == 0
    assert "seed 7: completed" in capsys.readouterr().out


def test_policies_are_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor need they be there."""
    run = SlowLog(tmp_path)
    run.append(run.content.replace(b"fusion+fifo", b"mine+own", 1))
    assert main(["watch", str(tmp_path)]) == 0
    assert "mine+own, seed 0: completed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no JSON\n", "events.jsonl:1: not an event of a hetsched log"),
        (b'{"event":"run-ended","time":0,"reason":"x"}\n', "events.jsonl:1: expected run-started, the first event"),
        (b'{START}\n{"event":"trial-completed","time":0,"trial":"e-9","reason":"x"}\n', ":2: TrialComp"),
    ],
)
def test_damage_is_said(content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = SlowLog(tmp_path)
    run.append(content.replace(b"{START}", run.lines[0].strip()))
    assert main(["watch", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert said in error and str(run.path) in error


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(tmp_path / "no" / "such")]) == 2
    assert "no such folder; name the results folder of a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (signal.SIGINT, "interrupted"),
        pytest.param(signal.SIGTERM, "terminated", marks=pytest.mark.exhaustive),  # tests/cli/test_signals.py has it
    ],
)
def test_ctrl_c(number: int, word: str, tmp_path: Path) -> None:
    SlowLog(tmp_path).write(0.5)
    command = [sys.executable, "-m", "hetsched", "watch", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "following the log" in process.stderr.readline()
    process.send_signal(number)
    _, rest = process.communicate(timeout=LONG_S)
    assert (process.returncode, rest.splitlines()[-1]) == (128 + number, f"hetsched: {word}")
    assert "Traceback" not in rest


def test_with_stay_it_waits_for_the_next_run(tmp_path: Path) -> None:
    SlowLog(tmp_path / "first").finished()
    command = [sys.executable, "-m", "hetsched", "watch", str(tmp_path), "--stay"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "fusion+fifo, seed 0" in process.stderr.readline()
    SlowLog(tmp_path / "second", seed=5).finished()
    assert "fusion+fifo, seed 5" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LONG_S)
    assert process.returncode == 130


def test_an_unfinished_first_line_is_waited_for_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It waited without a word."""
    run = SlowLog(tmp_path)
    run.append(run.lines[0][:20])
    run._written = 20

    def carry_out() -> None:
        time.sleep(PAUSE_S * 3)
        run.write(1.0)

    driver = beside(carry_out)
    assert main(["watch", str(tmp_path)]) == 0
    driver.join()
    assert f"{run.path}: its first line is not finished yet; waiting for the rest" in capsys.readouterr().err
